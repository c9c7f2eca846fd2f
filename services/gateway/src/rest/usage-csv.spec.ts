import { expect, it } from 'vitest';
import { csvOf } from './usage-csv.ts';

const figures = { calls: 2, failed_calls: 0, input_tokens: 10, cached_tokens: 1, cache_write_tokens: 0, output_tokens: 3, reasoning_tokens: 2, cost: 0.0000012, unpriced_calls: 0 };

it('LLM-6: usage as CSV, with no text that a spreadsheet would run', () => {
  const { heading, lines } = csvOf(['day', 'model', 'user']);
  expect(heading).toBe('day,model,user_id,username,calls,failed_calls,input_tokens,cached_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost,unpriced_calls\r\n');
  expect(lines([
    { ...figures, day: '2026-11-20', model: '=HYPERLINK("http://x")', user_id: null, username: null },
    { ...figures, day: '2026-11-21', model: 'a,b', user_id: 'u', username: 'ada', cost: 12 },
  ])).toBe('2026-11-20,"\'=HYPERLINK(""http://x"")",,,2,0,10,1,0,3,2,0.0000012,0\r\n2026-11-21,"a,b",u,ada,2,0,10,1,0,3,2,12,0\r\n');
});
