export * from './formats.ts';
export { McpFailure } from './mcp-failure.ts';
export type { McpSession } from './session.ts';
