import { describe, expect, it } from 'vitest';
import type { Route } from '../models/gateway-model.ts';
import { ForeseenRoutes } from './foreseen-routes.ts';

const question = (runId: string, model: string | null = null) => ({ user_id: 'u', conversation_id: 'c', run_id: runId, provider: null, model_name: model });

function routes() {
  let now = 0;
  const asked: string[] = [];
  const answers: (Route | Error)[] = [];
  const foreseen = new ForeseenRoutes(async ({ run_id, model_name }) => {
    asked.push(run_id);
    const answer = answers.shift() ?? ({ label: `${run_id}/${model_name}` } as Route);
    if (answer instanceof Error) throw answer;
    return answer;
  }, () => now);
  return { foreseen, asked, answers, pass: (milliseconds: number) => { now += milliseconds; } };
}

describe('foreseen routes', () => {
  it('are asked for once, and used once', async () => {
    const { foreseen, asked } = routes();
    foreseen.foresee(question('r'));
    foreseen.foresee(question('r'));
    expect((await foreseen.take(question('r'))).label).toBe('r/null');
    expect(asked).toEqual(['r']);
    await foreseen.take(question('r'));
    expect(asked).toEqual(['r', 'r']);
  });

  it('are not used for another model, nor when they are old', async () => {
    const { foreseen, asked, pass } = routes();
    foreseen.foresee(question('r', 'a'));
    expect((await foreseen.take(question('r', 'b'))).label).toBe('r/b');
    foreseen.foresee(question('s'));
    pass(5_000);
    await foreseen.take(question('s'));
    expect(asked).toEqual(['r', 'r', 's', 's']);
  });

  it('that failed are asked for again, and then say why', async () => {
    const { foreseen, answers } = routes();
    answers.push(new Error('early'), new Error('late'));
    foreseen.foresee(question('r'));
    await expect(foreseen.take(question('r'))).rejects.toThrow('late');
  });

  it('keep few, and forget the old ones', async () => {
    const { foreseen, asked, pass } = routes();
    for (let run = 0; run < 100; run++) foreseen.foresee(question(`r${run}`));
    expect(asked).toHaveLength(64);
    pass(5_000);
    foreseen.foresee(question('next'));
    expect(asked.at(-1)).toBe('next');
  });
});
