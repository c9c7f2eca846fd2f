import { Module } from '@nestjs/common';
import { RunWorker } from './worker/run-worker.service.ts';

@Module({ providers: [RunWorker] })
export class AgentModule {}
