import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Image } from '@deskhand/contracts';
import type { Client } from '../e2e/client/client.ts';
import { computerOf, tell, toldModel } from '../e2e/told-model.ts';
import type { UpstreamAnswer } from '../services/llm-gateway/test/upstream.ts';
import { colourAt } from '../services/sandbox-manager/test/colour-at.ts';
import { type Benchmark, percentile, scaled } from './benchmark.ts';
import { colourOf, openTarget } from './support/click-target.ts';
import { randomNumbers, surroundings } from './support/surroundings.ts';

const clicksATurn = 40;
/** Letters of a dozen scripts, with pairs of surrogates among them. */
const alphabet = [...'abcdefghij ABCDEFGHIJ 0123456789 .,:;!?@#%&()äöüßéèñçøåžšč αβγδλω абвгджзик שלום مرحبا ตัวอักษร 東京漢字仮名 かなカナ 한국어문자 ₹€£¥ ∑√≠≤ →←↑↓ 🙂🚀🎉🦊🍕🌍'];

export const benchmark: Benchmark = {
  name: 'click',
  figures: [
    { name: 'p50_ms', unit: 'ms', how: 'a click by the computer tool, from tool-call-started to tool-call-ended with its picture as an SSE client receives them, on a page that repaints in three steps within 80 ms: median', most: 1_000 },
    { name: 'right_frames', unit: 'of 100', how: 'clicks whose picture shows the last of the three steps', least: 50 },
    { name: 'typed_exact', unit: 'of 3', how: 'programs (GTK editor, Chromium, terminal) that hold exactly the 1,000 characters of mixed scripts that were typed', least: 3 },
  ],
  run: async ({ size, say }) => {
    await using place = await surroundings(toldModel);
    const client = await place.user();
    const { id } = await client.conversation();
    const opened = await tell(client, id, openTarget);
    if (opened.calls.some(({ is_error }) => is_error)) throw new Error(`The target could not be opened: ${opened.outputs.at(-1)}`);
    const { samples, right } = await clicks(client, id, scaled(100, { size }, 10));
    say(`p50 ${percentile(samples, 0.5).toFixed(0)} ms, p95 ${percentile(samples, 0.95).toFixed(0)} ms; ${right} of ${samples.length} right`);
    const workspace = join(place.product.dataFolder, 'workspaces', await computerOf(client, id), 'workspace');
    return { p50_ms: percentile(samples, 0.5), right_frames: (right / samples.length) * 100, typed_exact: await typing(client, id, workspace, say) };
  },
};

async function clicks(client: Client, id: string, count: number): Promise<{ samples: number[]; right: number }> {
  const samples: number[] = [];
  let right = 0;
  for (let first = 0; first < count; first += clicksATurn) {
    const started = new Map<string, number>();
    const presses = Array.from({ length: Math.min(clicksATurn, count - first) }, (_, index) => first + index);
    const turn = await tell(client, id, presses.map((press) => computer({ action: 'click', coordinate: [60 + ((press * 97) % 1_160), 480 + ((press * 31) % 240)] })), {
      onEvent: (event) => {
        if (event.type === 'tool-call-started') started.set(event.tool_call_id, performance.now());
        if (event.type === 'tool-call-ended') samples.push(performance.now() - (started.get(event.tool_call_id) ?? Number.NaN));
      },
    });
    for (const [index, { result, is_error }] of turn.calls.entries()) {
      if (is_error || !result.images?.[0]) throw new Error(`A click failed: ${result.output}`);
      // Beside the pointer, which may be anywhere in the area.
      if (await shows(client, id, result.images[0], colourOf(first + index))) right++;
    }
  }
  return { samples, right };
}

async function shows(client: Client, id: string, { blob }: Image, wanted: readonly number[]): Promise<boolean> {
  const response = await fetch(`${client.baseUrl}/api/conversations/${id}/blobs/${blob}`, { headers: { authorization: `Bearer ${client.token}` } });
  if (!response.ok) throw new Error(`A picture could not be had: ${response.status}`);
  const seen = await colourAt(Buffer.from(await response.arrayBuffer()), 1_240, 745);
  return seen.every((value, index) => Math.abs(value - wanted[index]!) < 12);
}

/** In how many of three programs the text arrived as it was typed. */
async function typing(client: Client, id: string, workspace: string, say: (text: string) => void): Promise<number> {
  const random = randomNumbers(4);
  const text = `x${Array.from({ length: 998 }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')}x`;
  const type = (typed: string) => computer({ action: 'type', text: typed });
  const key = (keys: string) => computer({ action: 'key', keys });
  const pause = computer({ action: 'wait', seconds: 1.5 });
  /** What opens a window answers when its program has begun, not when it has the keyboard. */
  const opening = computer({ action: 'wait', seconds: 3 });
  const open = (what: string): UpstreamAnswer => ({ toolCalls: [{ name: 'bash', arguments: { command: `touch /workspace/typed-editor.txt; open ${what}` } }] });
  const programs: Record<string, UpstreamAnswer[]> = {
    page: [computer({ action: 'click', coordinate: [640, 250] }), type(text), pause],
    editor: [open('/workspace/typed-editor.txt'), opening, type(text), key('ctrl+s'), pause, key('alt+F4')],
    terminal: [open('terminal'), opening, type('cat > /workspace/typed-terminal.txt\n'), type(`${text}\n`), key('ctrl+d'), pause],
  };
  let exact = 0;
  for (const [program, steps] of Object.entries(programs)) {
    const turn = await tell(client, id, steps);
    const problem = turn.calls.find(({ is_error }) => is_error)?.result.output;
    const file = join(workspace, `typed-${program}.txt`);
    // Editors and the terminal end their last line.
    const held = existsSync(file) ? readFileSync(file, 'utf8').replace(/\n$/, '') : '';
    if (held === text) exact++;
    else say(`${program}: ${problem ?? `${[...held].length} characters, the first difference at ${[...text].findIndex((character, index) => character !== [...held][index])}`}`);
  }
  return exact;
}

const computer = (input: Record<string, unknown>): UpstreamAnswer => ({ toolCalls: [{ name: 'computer', arguments: input }] });
