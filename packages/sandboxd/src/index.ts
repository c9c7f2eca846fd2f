export * from './protocol.ts';
export { Link, type LinkHandlers } from './link.ts';
export { Channel } from './channel.ts';
