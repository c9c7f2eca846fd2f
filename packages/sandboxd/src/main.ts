import { Daemon } from './daemon.ts';

// Process 1 starts this again whenever it ends, so a fault that nobody foresaw may end it.
await new Daemon('/run/sandboxd', '/run/runner.sock', '/run/desktop').listen();
