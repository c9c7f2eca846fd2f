import { wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import type { Connection } from '../live/connection.svelte.ts';
import type { ErrorFrame, TimelineFrame } from '../live/frames.ts';
import { messageOf, prependMessages } from '../timeline/messages.ts';
import { fromSnapshot, reduce } from '../timeline/reduce.ts';
import { emptyTimeline, type TimelineState } from '../timeline/state.ts';
import { emptyView, viewOf } from '../timeline/view.ts';
import { Outbox } from './outbox.svelte.ts';

/** One open conversation: what was read of it, drawn at most once a frame. */
export class OpenConversation {
  /** What is on the screen; lags behind what was read by one frame at most. */
  timeline = $state.raw<TimelineState>(emptyTimeline);
  view = $state.raw(emptyView);
  ready = $state(false);
  problem = $state.raw<{ code: string; message: string } | null>(null);
  loadingOlder = $state(false);
  readonly outbox: Outbox;
  #read: TimelineState = emptyTimeline;
  #drawing = false;
  #leave: () => void;

  constructor(
    readonly id: string,
    private readonly endpoints: Endpoints,
    connection: Connection,
  ) {
    this.outbox = new Outbox(id, endpoints);
    this.#leave = connection.follow(id, { onFrame: (frame) => this.#take(frame), onError: (error) => this.#fail(error) });
  }

  close(): void {
    this.#leave();
  }

  get currentRun() {
    return this.view.current;
  }

  async interrupt(runId: string): Promise<void> {
    await this.endpoints.interrupt(this.id, runId);
  }

  /** Takes a message back that still waits for its turn. */
  async withdraw(runId: string): Promise<void> {
    await this.endpoints.withdraw(this.id, runId);
  }

  async loadOlder(): Promise<void> {
    const first = this.#read.messages[0];
    if (this.loadingOlder || !this.#read.hasMore || !first) return;
    this.loadingOlder = true;
    try {
      const { messages, total, usage } = await this.endpoints.messagesBefore(this.id, first.id);
      const older = messages.map((message) => messageOf(message, first.branch_id));
      this.#read = prependMessages(this.#read, older, older.length > 0 && this.#read.messages.length + older.length < total, usage);
      this.#draw();
    } catch (error) {
      this.problem = { code: 'OLDER', message: wordsOf(error) };
    } finally {
      this.loadingOlder = false;
    }
  }

  #take(frame: TimelineFrame): boolean {
    if (frame.type === 'snapshot') {
      this.#read = fromSnapshot(this.#read, frame);
      this.problem = null;
      this.#draw();
      return true;
    }
    const { state, gap } = reduce(this.#read, frame);
    if (gap) return false;
    this.problem = null;
    if (state === this.#read) return true;
    this.#read = state;
    this.#drawSoon();
    return true;
  }

  #fail({ code, message }: ErrorFrame): void {
    this.problem = { code, message };
  }

  /** A frame of its own for everything that came meanwhile; a hidden page gets no frames, so a timer stands in. */
  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    const draw = () => {
      if (!this.#drawing) return;
      this.#drawing = false;
      this.#draw();
    };
    if (document.visibilityState === 'visible') requestAnimationFrame(draw);
    setTimeout(draw, 120);
  }

  #draw(): void {
    this.timeline = this.#read;
    this.view = viewOf(this.#read, this.view);
    this.outbox.arrived(new Set(this.#read.messages.map(({ id }) => id)));
    this.ready = true;
  }
}
