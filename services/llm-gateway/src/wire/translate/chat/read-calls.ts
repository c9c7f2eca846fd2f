import { randomUUID } from 'node:crypto';
import { recordOf, textOf, wordsOf, type Fields } from '../fields.ts';
import type { TurnSink } from '../turn-sink.ts';

/** For a call whose provider gives none. */
export const newCallId = (): string => `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`;

interface Call {
  key: number;
  index: number;
  id: string;
  name: string;
  /** Said before id and name were known. */
  early: string;
  open: boolean;
}

/**
 * Calls of tools in a chat stream: pieces of several may interleave, arguments may come before the id and the name, ids may be
 * missing, and some providers give every call the index 0.
 */
export class ChatCalls {
  private readonly calls: Call[] = [];
  private readonly current = new Map<number, Call>();

  constructor(private readonly sink: TurnSink, private readonly nextKey: () => number) {}

  get any(): boolean {
    return this.calls.length > 0;
  }

  delta(delta: Fields, index: number): void {
    const named = recordOf(delta.function) ?? recordOf(delta.custom) ?? {};
    const id = wordsOf(delta.id);
    const name = wordsOf(named.name);
    const piece = textOf(named.arguments) ?? textOf(named.input) ?? (recordOf(named.arguments) ? JSON.stringify(named.arguments) : '');
    const call = this.find(index, id, name);
    if (id !== null && call.id === '') call.id = id;
    if (name !== null && call.name === '') call.name = name;
    if (!call.open && call.id !== '' && call.name !== '') this.open(call);
    if (call.open) this.sink.delta(call.key, piece);
    else call.early += piece;
  }

  /** Opens what never got an id, and closes all. */
  finish(): void {
    for (const call of this.current.values()) {
      if (!call.open && (call.name !== '' || call.early !== '')) {
        call.id ||= newCallId();
        this.open(call);
      }
    }
    for (const call of this.calls) if (call.open) this.sink.close(call.key);
    this.current.clear();
  }

  /** The call that a piece belongs to; another id with a name begins another call, whatever its index. */
  private find(index: number, id: string | null, name: string | null): Call {
    const known = this.current.get(index);
    if (known && !(id !== null && known.id !== '' && id !== known.id && name !== null)) return known;
    const call: Call = { key: this.nextKey(), index, id: '', name: '', early: '', open: false };
    this.calls.push(call);
    this.current.set(index, call);
    return call;
  }

  private open(call: Call): void {
    call.open = true;
    this.sink.open(call.key, { type: 'tool-call', kind: 'function', id: call.id, name: call.name, namespace: null });
    this.sink.delta(call.key, call.early);
    call.early = '';
  }
}
