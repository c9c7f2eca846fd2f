import { describe, expect, it } from 'vitest';
import { redact, redactText } from './redact.ts';

const secrets = [
  'sk-test-0123456789abcdef', 'dh_0123456789abcdefghijklmnop', 'dhr_0123456789abcdefghijklmnop', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
  'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY', 'Bearer whatever-it-is',
];

describe('what is logged', () => {
  it('SECURITY 13 5: holds no text that is shaped like a credential, wherever it stands', () => {
    for (const secret of secrets) {
      expect(redactText(`before ${secret} after`)).toBe('before [redacted] after');
      const logged = JSON.stringify(redact({ note: `it was ${secret}`, deep: [{ list: [secret] }], error: new Error(`refused ${secret}`, { cause: new Error(secret) }) }));
      expect(logged).not.toContain(secret.split(' ').at(-1));
      expect(logged).toContain('refused [redacted]');
    }
    expect(redactText('GET /api/ws?token=abc&x=1 postgres://user:hunter2@host/db')).toBe('GET /api/ws?token=[redacted]&x=1 postgres://user:[redacted]@host/db');
  });

  it('SECURITY 13 5: holds no field that is named like a secret', () => {
    const fields = { password: 'hunter2', refresh_token: 'x1', api_key: 'x2', apiKey: 'x3', sealed_api_key: 'x4', authorization: 'x5', cookie: 'x6', MASTER_KEY: 'x7', grant: 'x8', seed: 'x9' };
    expect(Object.values(redact(fields) as object)).toEqual(Object.keys(fields).map(() => '[redacted]'));
  });

  it('keeps everything else, and ends', () => {
    const kept = { user: 'ada', output_tokens: 12, ok: true, nothing: null, bytes: Buffer.alloc(7) };
    expect(redact(kept)).toEqual({ ...kept, bytes: '[7 bytes]' });
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(JSON.stringify(redact(circle))).toContain('[nested]');
    expect(redactText('skating, Bearer')).toBe('skating, Bearer');
  });
});
