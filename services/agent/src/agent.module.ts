import { Module } from '@nestjs/common';
import { McpTestsController } from './mcp/mcp-tests.controller.ts';
import { RunWorker } from './worker/run-worker.service.ts';

@Module({ controllers: [McpTestsController], providers: [RunWorker] })
export class AgentModule {}
