import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { OpenStreams } from '../streams/open-streams.ts';

/** The gateway's figures for Prometheus: its process, its requests by route, its open streams. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'deskhand_http_request_duration_seconds', help: 'Time until the answer was sent, by route', labelNames: ['method', 'route', 'status'], buckets: [0.005, 0.02, 0.05, 0.15, 0.5, 2, 10], registers: [this.registry],
  });

  constructor(streams: OpenStreams) {
    collectDefaultMetrics({ register: this.registry });
    const open: Gauge = new Gauge({ name: 'deskhand_open_streams', help: 'WebSockets and event streams that clients hold open', registers: [this.registry], collect: () => open.set(streams.size) });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async render(): Promise<string> {
    return this.registry.metrics();
  }

  /** Labels are route patterns, never addresses: those could hold ids and tokens, and without end. */
  observe(server: FastifyInstance): void {
    server.addHook('onResponse', (request, reply, done) => {
      this.requests.observe({ method: request.method, route: request.routeOptions.url ?? 'other', status: reply.statusCode }, reply.elapsedTime / 1_000);
      done();
    });
  }
}
