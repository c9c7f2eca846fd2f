import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Lifecycle } from '@deskhand/platform';
import { GatewaySettings } from '../settings.ts';

/** Further ports with the same server behind them, and the page that each begins with. */
@Injectable()
export class SideListeners {
  private readonly servers: Server[] = [];

  constructor(private readonly settings: GatewaySettings, lifecycle: Lifecycle) {
    lifecycle.onDrain(35, async () => {
      for (const server of this.servers) {
        server.close();
        server.closeAllConnections();
      }
    });
  }

  /** Everything but the first page is answered as `main` would. */
  async listen(main: Server): Promise<void> {
    for (const { port, home } of this.settings.sides) {
      const server = createServer((request, response) => {
        if (isFirstPage(request)) redirect(response, home);
        else main.emit('request', request, response);
      });
      server.on('upgrade', (request, socket, head) => main.emit('upgrade', request, socket, head));
      server.on('clientError', (error, socket) => main.emit('clientError', error, socket));
      this.servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, this.settings.host, resolve));
    }
  }
}

function isFirstPage({ method, url }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && url?.split('?', 1)[0] === '/';
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location, 'cache-control': 'no-store', 'content-length': 0, 'x-content-type-options': 'nosniff' }).end();
}
