import { z } from 'zod';
import { defineRequest, serviceNames, type RequestContract, type ServiceName } from './contract.ts';

const input = z.object({});
const output = z.object({ parts: z.record(z.string(), z.object({ ready: z.boolean(), problem: z.string().optional() })) });

/** Whether a service can work, part by part (its database, its engine …). Served by every service without its doing. */
export const health = Object.fromEntries(
  serviceNames.map((owner) => [owner, defineRequest(`${owner}.health.check`, { owner, callers: ['gateway', 'operator'], idempotent: true, timeoutMs: 2_000, attemptMs: 1_000, input, output })]),
) as Record<ServiceName, RequestContract<typeof input, typeof output>>;

/** One figure of a service. Names and labels are few and fixed: never an id, a user or an address. */
export const metricSample = z.object({ name: z.string().regex(/^deskhand_[a-z_]+$/), help: z.string(), type: z.enum(['counter', 'gauge']), value: z.number(), labels: z.record(z.string(), z.string()).optional() });
export type MetricSample = z.infer<typeof metricSample>;

const samples = z.object({ samples: z.array(metricSample) });

/** What a service has to count, for Prometheus. Answered by one of its instances. */
export const metrics = Object.fromEntries(
  serviceNames.map((owner) => [owner, defineRequest(`${owner}.metrics.read`, { owner, callers: ['gateway'], idempotent: true, timeoutMs: 2_000, attemptMs: 1_000, input, output: samples })]),
) as Record<ServiceName, RequestContract<typeof input, typeof samples>>;
