import { z } from 'zod';
import { defineRequest, serviceNames, type RequestContract, type ServiceName } from './contract.ts';

const input = z.object({});
const output = z.object({ parts: z.record(z.string(), z.object({ ready: z.boolean(), problem: z.string().optional() })) });

/** Whether a service can work, part by part (its database, its engine …). Served by every service without its doing. */
export const health = Object.fromEntries(
  serviceNames.map((owner) => [owner, defineRequest(`${owner}.health.check`, { owner, callers: ['gateway', 'operator'], idempotent: true, timeoutMs: 2_000, attemptMs: 1_000, input, output })]),
) as Record<ServiceName, RequestContract<typeof input, typeof output>>;
