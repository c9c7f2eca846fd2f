import { EventSourceParserStream } from 'eventsource-parser/stream';
import { WebSocket } from 'ws';
import { expect } from 'vitest';
import type { Message } from '@deskhand/contracts';

type Given = { type: string; seq?: number; [field: string]: any };

/**
 * A client that only joins deltas, over SSE or WebSocket, and notes every fault: a seq that is not the next, a delta that does
 * not begin where its text ends, a message whose text is not what was joined.
 */
export class JoiningClient {
  readonly texts = new Map<string, string>();
  readonly seen: Given[] = [];
  readonly faults: string[] = [];
  seq: number | null = null;
  cursor: string | null = null;
  /** Called for everything that arrives, after it was taken in. */
  onEvent: (event: Given) => void = () => {};
  private stop: () => void = () => {};

  constructor(private readonly url: string, private readonly token: string, private readonly conversationId: string) {}

  async connectEvents(): Promise<void> {
    const controller = new AbortController();
    const response = await fetch(`${this.url}/api/conversations/${this.conversationId}/events`, {
      headers: { authorization: `Bearer ${this.token}`, ...(this.cursor !== null && { 'last-event-id': this.cursor }) }, signal: controller.signal,
    });
    expect(response.status).toBe(200);
    const events = response.body!.pipeThrough(new TextDecoderStream() as never).pipeThrough(new EventSourceParserStream());
    let open = true;
    this.stop = () => { open = false; controller.abort(); };
    void (async () => {
      for await (const { id, event, data } of events as unknown as AsyncIterable<{ id: string; event: string; data: string }>) {
        if (!open) return;
        const value = JSON.parse(data) as Given;
        if (value.type !== event) this.faults.push(`event ${event} carries ${value.type}`);
        this.take(value, id);
      }
    })().catch(() => {});
  }

  async connectSocket(): Promise<void> {
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/api/ws`, { headers: { authorization: `Bearer ${this.token}` } });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    let open = true;
    this.stop = () => { open = false; socket.terminate(); };
    socket.on('message', (data) => {
      if (!open) return;
      const { conversation_id, cursor, ...value } = JSON.parse(String(data)) as Given;
      if (conversation_id !== this.conversationId) this.faults.push(`a frame of ${conversation_id}`);
      this.take(value as Given, cursor);
    });
    socket.send(JSON.stringify({ type: 'subscribe', conversation_id: this.conversationId, ...(this.cursor !== null && { after: this.cursor }) }));
  }

  disconnect(): void {
    this.stop();
  }

  async until(condition: () => boolean, what = 'the condition'): Promise<void> {
    const deadline = Date.now() + 8_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`${what} did not come; faults: ${this.faults.join(', ')}; seen ${this.seen.map(({ type, seq }) => `${seq ?? ''}${type}`).join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async untilEnded(): Promise<void> {
    await this.until(() => this.seen.some(({ type }) => type === 'run-ended'), 'run-ended');
  }

  private take(event: Given, cursor: string): void {
    this.seen.push(event);
    this.cursor = cursor;
    if (typeof cursor !== 'string' || cursor === '') this.faults.push(`${event.type} has no cursor`);
    if (event.type === 'snapshot') {
      if (this.seq !== null) this.faults.push('a second snapshot');
      this.seq = event.seq!;
      for (const block of event.open_blocks) this.texts.set(key(block), block.text);
    } else if (event.seq !== undefined) {
      if (this.seq !== null && event.seq !== this.seq + 1) this.faults.push(`seq ${event.seq} after ${this.seq}`);
      this.seq = event.seq;
      if (event.type === 'message-added') this.compare(event.message as Message);
      if (event.type === 'tool-call-ended' && event.block !== undefined && this.texts.get(key(event as never)) !== event.result.output) this.faults.push(`output of ${event.tool_call_id} differs`);
    } else if (event.type.endsWith('-delta')) {
      const has = this.texts.get(key(event as never)) ?? '';
      if (event.offset !== has.length) this.faults.push(`delta at ${event.offset} where ${has.length} is next`);
      this.texts.set(key(event as never), has + event.text);
    } else this.faults.push(`unexpected ${event.type}`);
    this.onEvent(event);
  }

  private compare(message: Message): void {
    for (const block of message.blocks) {
      if ((block.type !== 'text' && block.type !== 'reasoning') || block.block === undefined) continue;
      const joined = this.texts.get(key({ block: block.block, attempt: block.attempt! })) ?? '';
      if (joined !== block.text) this.faults.push(`text of ${block.block} differs: ${joined.length} of ${block.text.length}`);
    }
  }
}

function key({ block, attempt }: { block: string; attempt: number }): string {
  return `${block}#${attempt}`;
}
