import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endedCall } from './ended-call.ts';
import { JournalText, readJournal } from './journal-lines.ts';
import type { CallOutcome, ModelCall } from './model-call.ts';

const few = <Value>(...values: Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);
const prices = { inputCostPerToken: 0.1 } as never;
const route = fc.record({ source: few('group', 'user', 'server'), provider: few('openai', 'anthropic'), model: few('m', 'a "b" \\', 'ü€🙂\n') }) as fc.Arbitrary<ModelCall['route']>;
const place = fc.record({ route, baseUrl: few('http://h', null), prices: few(prices, null), baseModel: few('base', null) });
const callOf = fc.record({
  id: fc.uuid(), startedAt: fc.nat(), startedMark: fc.constant(0), requestBytes: fc.nat(), run: few(null, { userId: 'u', conversationId: 'c', runId: 'r' }, { userId: 'u', conversationId: 'c', runId: 's' }), key: few(null, { hash: 'h', userId: null, teamId: 't', jobId: null }, { hash: 'h', userId: 'u', teamId: 't', jobId: null }, { hash: 'h', userId: 'u', teamId: 't', jobId: 'j' }),
  wire: few('openai-chat', 'anthropic-messages'), stream: fc.boolean(), group: few('g', null), agent: few('codex', null), officialPrices: fc.boolean(), reserved: few(0.25, undefined),
}).chain((call) => place.map((at) => ({ ...call, ...at }) as ModelCall));
const outcome = fc.record({
  status: few('completed', 'cut', 'cancelled'), httpStatus: few(200, null), estimated: fc.boolean(), firstByteMs: few(1.25, null),
  usage: fc.record({ uncachedInput: fc.nat(), cacheRead: fc.nat(), cacheWrite5m: fc.nat(), cacheWrite1h: fc.nat(), output: fc.nat(), reasoning: fc.nat() }),
}) as fc.Arbitrary<CallOutcome>;
const story = fc.record({ call: callOf, outcome: fc.option(outcome), elsewhere: fc.option(place), cost: few(0.5, null, undefined) });

describe('the journal', () => {
  it('says of each call what its row will say, wherever it ended up and whoever else called in between', () => {
    fc.assert(fc.property(fc.uniqueArray(story, { selector: ({ call }) => call.id, maxLength: 12 }), (stories) => {
      const text = new JournalText();
      let journal = stories.map(({ call }) => text.begun(call)).join('');
      const rows = new Map<string, unknown>();
      for (const { call, outcome: became, elsewhere, cost } of stories) {
        if (became === null) continue;
        const ended = endedCall({ ...call, ...elsewhere }, became, 12.5);
        if (cost !== undefined) {
          Object.assign(ended.row, { cost });
          Object.assign(ended, { priced: true });
        }
        journal += text.ended(ended, elsewhere);
        rows.set(call.id, ended);
      }
      const read = readJournal(`${journal}["begun","half`);
      expect([...read.keys()]).toEqual(stories.map(({ call }) => call.id));
      for (const { call } of stories) {
        const { call: begun, ended } = read.get(call.id)!;
        if (rows.has(call.id)) expect(ended).toEqual(rows.get(call.id));
        else expect(begun).toEqual(JSON.parse(JSON.stringify(call)));
      }
      text.restart();
      const again = readJournal(stories.map(({ call }) => text.begun(call)).join(''));
      expect([...again.values()].map(({ call }) => call)).toEqual(stories.map(({ call }) => JSON.parse(JSON.stringify(call))));
    }), { numRuns: 300 });
  });

  it('of an older version is read, whose calls each said all of it', () => {
    const surroundings = { run: null, key: { hash: 'h', userId: null, teamId: null }, route: { source: 'group', provider: 'openai', model: 'm' }, wire: 'openai-chat', stream: true, group: 'g', agent: null, baseModel: null, baseUrl: 'http://h', officialPrices: false, prices: null };
    const read = readJournal(`["begun","a",1,2,0.5,${JSON.stringify(surroundings)}]\n["begun","without any",1,2,null]\n["ended","a",null,"completed",200,1,0,0,0,2,0,false,null,3,0.25,true]\n`);
    expect([...read.keys()]).toEqual(['a']);
    expect(read.get('a')).toMatchObject({ call: { startedAt: 1, requestBytes: 2, reserved: 0.5, ...surroundings }, ended: { row: { keyHash: 'h', model: 'm', output: 2, cost: 0.25 } } });
  });
});
