import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from '@deskhand/platform/free-port';
import { ensurePortsFree } from './ports.ts';

describe('ports', () => {
  it('names a taken port and the variable that moves it', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const listener = { title: 'web app', host: '127.0.0.1', port, variable: 'DESKHAND_PORT' };
    await expect(ensurePortsFree([listener])).rejects.toThrow(new RegExp(`Port ${port} of the web app is taken.*Set DESKHAND_PORT`));
    await new Promise((resolve) => server.close(resolve));
    await expect(ensurePortsFree([listener])).resolves.toBeUndefined();
  });

  it('names the variable of an address that this machine does not have', async () => {
    await expect(ensurePortsFree([{ title: 'web app', host: '192.0.2.1', port: await freePort(), variable: 'DESKHAND_PORT' }])).rejects.toThrow(/DESKHAND_HOST/);
  });
});
