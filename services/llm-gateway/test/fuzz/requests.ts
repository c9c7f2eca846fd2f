import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { ConversationFormat } from '../../src/wire/formats.ts';
import { hostileBodies } from './client-bodies.ts';

/** A request as bytes. */
export interface HostileRequest {
  bytes: Buffer;
  /** Nothing of it is missing: it must be answered. */
  whole: boolean;
  /** Its answer has no body. */
  bodiless: boolean;
}

/** Who asks: the credential's place in what is sent. */
export type Credentials = Readonly<Record<'master' | 'key' | 'run', string>>;

const formats: Record<string, ConversationFormat> = { '/v1/chat/completions': 'openai-chat', '/chat/completions': 'openai-chat', '/v1/responses': 'openai-responses', '/responses': 'openai-responses', '/v1/messages': 'anthropic-messages', '/v1/messages/count_tokens': 'anthropic-messages' };
/** What each endpoint takes, right: one or two of its fields are then made wrong. */
const right: Record<string, Record<string, unknown>> = {
  '/v1/embeddings': { model: 'chat', input: 'x' }, '/v1/completions': { model: 'mock/static', prompt: 'hi' }, '/team/member_add': { team_id: 'fuzz', member: { role: 'user', user_id: 'x' } }, '/team/member_delete': { team_id: 'fuzz', user_id: 'x' }, '/team/block': { team_id: 'fuzz' },
  '/key/generate': { models: ['chat'], max_budget: 1, duration: '30d' }, '/key/update': { key: 'sk-fuzzed-key-0123456789' }, '/key/block': { key: 'sk-fuzzed-key-0123456789' }, '/key/unblock': { key: 'sk-fuzzed-key-0123456789' }, '/key/delete': { keys: ['sk-x'] }, '/key/regenerate': { key: 'sk-fuzzed-key-0123456789' },
  '/user/new': { auto_create_key: false }, '/user/update': { user_id: 'fuzz' }, '/user/delete': { user_ids: ['x'] }, '/team/new': {}, '/team/update': { team_id: 'fuzz' }, '/team/delete': { team_ids: ['x'] }, '/job/new': {}, '/job/update': { job_id: 'fuzz' }, '/job/block': { job_id: 'fuzz' }, '/job/delete': { job_ids: ['x'] },
  '/model/new': { model_name: 'added', litellm_params: { model: 'openai/x', api_key: 'k' } }, '/model/update': { model_info: { id: 'x' } }, '/model/delete': { id: 'x' },
};
const asked: Record<ConversationFormat, Record<string, unknown>> = {
  'openai-chat': { model: 'mock/static', messages: [{ role: 'user', content: 'hi' }] }, 'anthropic-messages': { model: 'mock/static', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }, 'openai-responses': { model: 'mock/static', input: 'hi' },
};
const posts = [
  '/v1/embeddings', '/key/generate', '/key/update', '/key/block', '/key/unblock', '/key/delete', '/key/regenerate', '/user/new', '/user/update', '/user/delete', '/team/new', '/team/update', '/team/delete', '/model/new', '/model/update', '/model/delete',
  '/global/spend/reset', '/claude/v1/messages', '/codex/responses', '/v1/completions', '/completions', '/team/member_add', '/team/member_delete', '/team/block', '/team/unblock', '/key/sk-x/regenerate', '/job/new', '/job/update', '/job/delete', '/job/block', '/job/unblock',
];
const gets = [
  '/v1/models', '/models', '/v1/models/mock/static', '/models/nothing', '/key/info', '/key/list', '/user/info', '/user/list', '/team/info', '/team/list', '/job/info', '/job/list', '/model/info', '/v1/model/info', '/model_group/info', '/spend/logs', '/spend/keys', '/spend/users', '/user/daily/activity', '/global/spend/report',
  '/health', '/health/services', '/health/liveliness', '/health/readiness', '/metrics', '/ui', '/',
];

const words = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 10 }), fc.constantFrom('', 'x', 'sk-x', 'sk-fuzzed-key-0123456789', '\u0000', 'a\u0000b', '\ud800', "' or 1=1 --", '__proto__', 'fuzz', '*', '>', 'openai/x', 'a'.repeat(400)));
const wild = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, [], {}, 0, -1, 1.5, 1e308, 5e9, 2 ** 53, true, 'x'));
const or = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 5, arbitrary }, { weight: 1, arbitrary: wild });
const lasts = fc.constantFrom('30s', '1mo', '0s', '-1d', '99999999999999d', '9e9d', '1', '', '30D');
const amount = fc.oneof(fc.integer(), fc.nat(100), fc.double(), fc.constantFrom(0, 5e9, 2 ** 53));
const money = { max_budget: or(amount), budget_duration: or(lasts), models: or(fc.array(words, { maxLength: 3 })), metadata: fc.oneof(wild, fc.dictionary(words, wild, { maxKeys: 2 })), blocked: or(fc.boolean()) };
const some = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> => fc.record(fields, { requiredKeys: [] });
const ofKeys = some({ ...money, key: or(words), keys: or(fc.array(words, { maxLength: 3 })), key_alias: or(words), user_id: or(words), team_id: or(words), job_id: or(words), aliases: or(fc.dictionary(words, words, { maxKeys: 2 })), duration: or(lasts), rpm_limit: or(amount), tpm_limit: or(amount), max_parallel_requests: or(amount) });
const ofHolders = some({ ...money, user_id: or(words), user_ids: or(fc.array(words, { maxLength: 2 })), team_id: or(words), team_ids: or(fc.array(words, { maxLength: 2 })), job_id: or(words), job_ids: or(fc.array(words, { maxLength: 2 })), job_alias: or(words), user_alias: or(words), user_email: or(words), team_alias: or(words), key_alias: or(words), duration: or(lasts), auto_create_key: or(fc.boolean()) });
const ofModels = some({
  model_name: or(words), id: or(words), model_info: or(some({ id: or(words), mode: or(words), max_input_tokens: or(amount), input_cost_per_token: or(amount) })),
  litellm_params: or(some({ model: or(fc.oneof(words, fc.constantFrom('openai/x', 'anthropic/y', 'bedrock/z', 'azure/*'))), api_key: or(words), api_base: or(fc.constantFrom('http://127.0.0.1:1', 'https://api.example.org', 'file:///etc/passwd', 'http://[', 'gopher://x')), rpm: or(amount), weight: or(amount), timeout: or(amount), tags: or(fc.array(words, { maxLength: 2 })) })),
});
const ofOthers = some({ input: wild, model: or(words), prompt: wild, encoding_format: or(words), dimensions: or(amount), messages: wild });
const settingsOf = (path: string): fc.Arbitrary<Record<string, unknown>> => (path.startsWith('/key/') ? ofKeys : path.startsWith('/model/') ? ofModels : /^\/(user|team|job)\//.test(path) ? ofHolders : ofOthers);

/** One or two of the fields. */
const fewOf = (fields: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> => fc.tuple(fields, fc.nat(), fc.nat()).map(([all, one, other]) => {
  const names = Object.keys(all);
  return Object.fromEntries([one, other].flatMap((at) => (names.length === 0 ? [] : [[names[at % names.length]!, all[names[at % names.length]!]]])));
});

const query = fc.oneof(
  fc.constant(''), fc.array(fc.tuple(fc.constantFrom('key', 'user_id', 'team_id', 'job_id', 'size', 'page', 'page_size', 'start_date', 'end_date', 'group_by', 'limit', 'offset', 'litellm_model_id', 'summarize', 'api_key', 'request_id', 'model_group', 'service', 'return_full_object', 'x'), fc.oneof(words, fc.constantFrom('0', '-1', '1e9', '2026-13-45', '2026-01-01', 'NaN', '%', '%00', '%zz', '+', '&&', '2026-01-01T00:00:00Z', 'true'))), { maxLength: 4 })
    .map((fields) => `?${fields.map(([name, value]) => `${name}=${value.startsWith('%') ? value : encodeURIComponent(value.toWellFormed())}`).join('&')}`),
);
const asItIs = (path: string): string => path;
const odd = fc.oneof({ weight: 12, arbitrary: fc.constant(asItIs) }, { weight: 1, arbitrary: fc.constantFrom<(path: string) => string>(
  (path) => `/${path}`, (path) => `${path}/`, (path) => path.toUpperCase(), (path) => path.replace(/\/(?=[^/]*$)/, '%2f'), (path) => `${path};x=1`, (path) => `/..${path}`, (path) => `/v1/..${path}`, (path) => `${path}%00`, (path) => `${path}#x`,
  (path) => `http://elsewhere.example${path}`, (path) => `//elsewhere.example${path}`, () => '*', (path) => `${path}/${'a'.repeat(9_000)}`, (path) => `${path}?${'q=1&'.repeat(3_000)}`, (path) => `${path}\u00e9`, () => '/key/%2e%2e/list', (path) => `/%${path.slice(1)}`, (path) => path.replaceAll('/', '\\'),
) });

/** Bytes of a body: JSON as it is, cut, changed, in another encoding. */
const spoil = fc.oneof(
  { weight: 16, arbitrary: fc.constant((body: Buffer) => body) },
  { weight: 2, arbitrary: fc.nat().map((at) => (body: Buffer) => body.subarray(0, at % (body.length + 1))) },
  { weight: 2, arbitrary: fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => (body: Buffer) => { const changed = Buffer.from(body); if (changed.length > 0) changed[at % changed.length] = byte; return changed; }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => () => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom<(body: Buffer) => Buffer>(
    (body) => Buffer.from(body.toString('utf8'), 'utf16le'), (body) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]), (body) => Buffer.concat([body, body]), (body) => Buffer.concat([body, Buffer.from([0xff, 0xfe])]), () => Buffer.from('['.repeat(60_000)), () => Buffer.from(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`), (body) => Buffer.from(`${body.toString('utf8').slice(0, -1)},"metadata":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), () => Buffer.from('NaN'), () => Buffer.from('nul'), () => Buffer.alloc(0),
  ) },
);

interface Encoding {
  header: string | null;
  encode(body: Buffer): Buffer;
}
const plain: Encoding = { header: null, encode: (body) => body };
const encoding = fc.oneof({ weight: 12, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: fc.constantFrom<Encoding>(
  { header: 'gzip', encode: (body) => gzipSync(body) }, { header: 'gzip', encode: (body) => body }, { header: 'br', encode: (body) => brotliCompressSync(body) }, { header: 'zstd', encode: (body) => zstdCompressSync(body) }, { header: 'deflate', encode: (body) => deflateSync(body) }, { header: 'gzip, br', encode: (body) => brotliCompressSync(gzipSync(body)) },
  { header: 'identity', encode: (body) => body }, { header: 'x'.repeat(300), encode: (body) => body }, { header: 'gzip', encode: () => gzipSync(Buffer.alloc(20_000_000, 32)) },
) });
const extra = fc.array(fc.constantFrom(
  'x-odd: \u00ff\u0080', `x-long: ${'y'.repeat(9_000)}`, 'content-type: text/xml; charset=utf-16', 'content-type: application/json', 'content-type: multipart/form-data; boundary=x', 'expect: 100-continue', 'expect: 200-nothing', 'upgrade: websocket\r\nconnection: upgrade', 'connection: close', 'x-litellm-tags: a,,\u00e9', 'anthropic-version: \u00e4', 'anthropic-beta: a\r\nanthropic-beta: b', 'openai-beta: x', 'cookie: a=b',
  'x-forwarded-for: 127.0.0.1', 'x-api-key: sk-wrong', 'x-litellm-api-key: ', 'te: trailers', 'accept-encoding: gzip', 'host: two.example', 'x-bad header: 1', ': nameless', 'range: bytes=0-', 'x-null: a\u0000b', 'transfer-encoding: gzip', 'content-length: 5', 'trailer: x', 'keep-alive: timeout=5', 'proxy-authorization: Basic eA==',
), { maxLength: 2 });
/** How the body travels: with its length, in chunks, with a length that lies. */
const framing = fc.oneof({ weight: 12, arbitrary: fc.constant('length' as const) }, { weight: 3, arbitrary: fc.constant('chunked' as const) }, { weight: 1, arbitrary: fc.constantFrom('bad-chunks' as const, 'too-long' as const, 'too-short' as const, 'none' as const, 'both' as const) });
const caller = fc.oneof({ weight: 5, arbitrary: fc.constant('master' as const) }, { weight: 5, arbitrary: fc.constant('key' as const) }, { weight: 2, arbitrary: fc.constant('run' as const) }, { weight: 1, arbitrary: fc.constantFrom('wrong' as const, 'none' as const, 'broken' as const) });

const target = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.keys(formats)).chain((path) => fc.tuple(hostileBodies[formats[path]!], fc.nat(2)).chain(([body, whole]) => (whole === 0 ? fc.constant(body) : fewOf(fc.constant(body)).map((few) => ({ ...asked[formats[path]!], ...few })))).map((body) => ({ method: 'POST', path, body: body as unknown }))) },
  { weight: 6, arbitrary: fc.constantFrom(...posts).chain((path) => fc.tuple(fc.constant(path), fc.oneof({ weight: 8, arbitrary: fewOf(settingsOf(path)) }, { weight: 1, arbitrary: settingsOf(path) }, { weight: 1, arbitrary: wild }))).map(([path, body]) => ({ method: 'POST', path, body: typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...right[path], ...body } : (body as unknown) })) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...gets), query).map(([path, fields]) => ({ method: 'GET', path: path + fields, body: undefined as unknown })) },
);
const method = fc.oneof({ weight: 20, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'BREW', 'get') });

/** Requests to every address of port 4000, right and wrong in each of their parts. `models`: names of models that are there. */
export function hostileRequests(credentials: Credentials, models: readonly string[]): fc.Arbitrary<HostileRequest> {
  return fc.record({ target, method, oddly: odd, spoiled: spoil, coded: encoding, headers: extra, framed: framing, by: caller, model: fc.constantFrom(...models) }).map(({ target: to, method: by, oddly, spoiled, coded, headers, framed, by: who, model }) => {
    const given = typeof to.body === 'object' && to.body !== null && (to.body as { model?: unknown }).model === 'mock/static' ? { ...to.body, model } : to.body;
    const body = given === undefined ? Buffer.alloc(0) : coded.encode(spoiled(Buffer.from(JSON.stringify(given) ?? 'null')));
    const credential = who === 'none' ? '' : who === 'broken' ? 'authorization: Bearer \u00e9 x\r\n' : `authorization: Bearer ${who === 'wrong' ? 'sk-nobody' : credentials[who]}\r\n`;
    const chunks = framed === 'bad-chunks' ? Buffer.concat([Buffer.from('zz\r\n'), body]) : Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
    const length = framed === 'too-long' ? body.length + 50 : framed === 'too-short' ? Math.floor(body.length / 2) : body.length;
    const [heading, sent] = framed === 'none' ? ['', body] : framed === 'chunked' || framed === 'bad-chunks' ? ['transfer-encoding: chunked\r\n', body.length === 0 && framed === 'chunked' ? Buffer.from('0\r\n\r\n') : chunks] : framed === 'both' ? [`content-length: ${length}\r\ntransfer-encoding: chunked\r\n`, chunks] : [`content-length: ${length}\r\n`, body];
    const head = `${by ?? to.method} ${oddly(to.path)} HTTP/1.1\r\nhost: x\r\n${credential}${coded.header === null ? '' : `content-encoding: ${coded.header}\r\n`}${headers.map((line) => `${line}\r\n`).join('')}${heading}\r\n`;
    return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), sent]), whole: framed !== 'too-long' && !headers.some((line) => line.startsWith('content-length')), bodiless: by === 'HEAD' };
  });
}
