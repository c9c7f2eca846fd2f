import { type ErrorFrame, parseFrame, type ServerFrame, type TimelineFrame } from './frames.ts';

export interface TimelineReader {
  /** False when something before this frame is missing: it is then asked for again. */
  onFrame(frame: TimelineFrame): boolean;
  onError(error: ErrorFrame): void;
}
export interface ListReader {
  /** Something changed through such an event, or, as `reconnected`, may have while the socket was away. */
  onListChanged(cause: string): void;
}
interface Subscription {
  reader: TimelineReader;
  cursor: string | null;
  /** Since when it waits for what was missing; frames that are still under way from before are let pass. */
  resyncingSince: number | null;
}

const firstDelay = 250;
const longestDelay = 8_000;
/** After so many failed tries in a row the person is told that the connection is lost. Trying goes on. */
const triesUntilLost = 5;
const pingEvery = 20_000;
const silenceLimit = 45_000;
/** When what was missing has not come after this, a new snapshot is asked for. */
const resyncLimit = 3_000;
const resubscribeDelay = 1_500;

/**
 * The tab's one WebSocket. Keeps its subscriptions over reconnects: each goes on after the last cursor it got, so nothing
 * is missed and nothing comes twice.
 */
export class Connection {
  status = $state<'connecting' | 'open' | 'reconnecting' | 'lost'>('connecting');
  #socket: WebSocket | null = null;
  #subscriptions = new Map<string, Subscription>();
  #list: ListReader | null = null;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pinging: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #opened = false;
  #wanted = false;

  /** `mayConnect` is asked before each try after a failed one: it renews the session and says whether there still is one. */
  constructor(private readonly mayConnect: () => Promise<boolean>) {}

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.status = 'connecting';
    addEventListener('online', this.retry);
    document.addEventListener('visibilitychange', this.#onVisible);
    this.#connect();
  }

  stop(): void {
    this.#wanted = false;
    removeEventListener('online', this.retry);
    document.removeEventListener('visibilitychange', this.#onVisible);
    clearTimeout(this.#timer);
    clearInterval(this.#pinging);
    this.#socket?.close();
    this.#socket = null;
    this.#subscriptions.clear();
    this.#list = null;
  }

  /** Follows one conversation from its snapshot on. Returns what ends it. */
  follow(conversationId: string, reader: TimelineReader): () => void {
    const subscription: Subscription = { reader, cursor: null, resyncingSince: null };
    this.#subscriptions.set(conversationId, subscription);
    this.#subscribe(conversationId, subscription);
    return () => {
      if (this.#subscriptions.get(conversationId) !== subscription) return;
      this.#subscriptions.delete(conversationId);
      this.#send({ type: 'unsubscribe', conversation_id: conversationId });
    };
  }

  followList(reader: ListReader): void {
    this.#list = reader;
    this.#send({ type: 'subscribe-list' });
  }

  /** Tries at once instead of after the delay. */
  retry = (): void => {
    if (!this.#wanted || this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #connect(): void {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/ws`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#tries = 0;
      this.#heardAt = Date.now();
      this.status = 'open';
      clearInterval(this.#pinging);
      this.#pinging = setInterval(() => this.#ping(), pingEvery);
      if (this.#list) this.#send({ type: 'subscribe-list' });
      for (const [id, subscription] of this.#subscriptions) this.#subscribe(id, subscription);
      if (this.#opened) this.#list?.onListChanged('reconnected');
      this.#opened = true;
    };
    socket.onmessage = ({ data }) => {
      this.#heardAt = Date.now();
      const frame = parseFrame(data);
      if (frame) this.#deliver(frame);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #deliver(frame: ServerFrame): void {
    switch (frame.type) {
      case 'pong':
        return;
      case 'list-changed':
        return this.#list?.onListChanged(frame.cause);
      case 'error':
        return this.#fail(frame);
      default: {
        const subscription = this.#subscriptions.get(frame.conversation_id);
        if (subscription) this.#hand(subscription, frame);
      }
    }
  }

  /** The server ended a subscription. Unless it is about a conversation that is not there, it is asked for again. */
  #fail(error: ErrorFrame): void {
    const { conversation_id: id, code } = error;
    const subscription = id === undefined ? undefined : this.#subscriptions.get(id);
    if (!subscription || id === undefined) return;
    subscription.reader.onError(error);
    if (code === 'NOT_FOUND' || code === 'FORBIDDEN') return;
    if (code === 'BAD_INPUT') subscription.cursor = null;
    setTimeout(() => this.#subscriptions.get(id) === subscription && this.#subscribe(id, subscription), resubscribeDelay);
  }

  #hand(subscription: Subscription, frame: TimelineFrame): void {
    if (subscription.reader.onFrame(frame)) {
      subscription.resyncingSince = null;
      if (frame.cursor !== undefined) subscription.cursor = frame.cursor;
      return;
    }
    const waited = subscription.resyncingSince === null ? null : Date.now() - subscription.resyncingSince;
    if (waited !== null && waited < resyncLimit) return;
    if (waited !== null) subscription.cursor = null;
    subscription.resyncingSince = Date.now();
    this.#send({ type: 'unsubscribe', conversation_id: frame.conversation_id });
    this.#subscribe(frame.conversation_id, subscription);
  }

  #lost(): void {
    this.#socket = null;
    clearInterval(this.#pinging);
    if (!this.#wanted) return;
    this.#tries++;
    this.status = this.#tries > triesUntilLost ? 'lost' : 'reconnecting';
    const delay = Math.min(longestDelay, firstDelay * 2 ** (this.#tries - 1));
    this.#timer = setTimeout(() => void this.#tryAgain(), delay * (0.7 + Math.random() * 0.3));
  }

  async #tryAgain(): Promise<void> {
    const may = this.#tries === 1 || (await this.mayConnect());
    if (!this.#wanted || this.#socket) return;
    if (may) this.#connect();
    else this.#lost();
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > silenceLimit) this.#socket?.close();
    else this.#send({ type: 'ping' });
  }

  #onVisible = (): void => {
    if (document.visibilityState === 'visible') this.retry();
  };

  #subscribe(conversationId: string, { cursor }: Subscription): void {
    this.#send({ type: 'subscribe', conversation_id: conversationId, ...(cursor !== null && { after: cursor }) });
  }

  /** What is said while the socket is away is said again when it opens, so nothing has to be kept here. */
  #send(frame: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }
}
