export { temporaryBlobs, type TestBlobs } from './blobs.ts';
export { MemoryBus } from '../bus/memory-bus.ts';
export { rowsOf, startDatabases, type TestDatabases } from './databases.ts';
export { freePort } from '../free-port.ts';
export { startNats, type TestNats } from './nats.ts';
