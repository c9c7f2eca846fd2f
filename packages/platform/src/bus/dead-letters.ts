import type { JetStreamManager } from '@nats-io/jetstream';
import { deadLetterStream } from '@deskhand/contracts';

/** An event that a service gave up on. */
export interface DeadLetter {
  id: string;
  subject: string;
  consumer: string;
  error: string;
  at: string;
}

/** The newest dead letters, oldest of them first; none when there is no such stream yet. */
export async function readDeadLetters(manager: JetStreamManager, limit: number): Promise<DeadLetter[]> {
  const info = await manager.streams.info(deadLetterStream).catch(() => null);
  if (info === null) return [];
  const letters: DeadLetter[] = [];
  // A stream that never held anything begins at 0, where nothing can be asked for.
  for (let seq = Math.max(1, info.state.first_seq, info.state.last_seq - limit + 1); seq <= info.state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(deadLetterStream, { seq });
    if (stored === null) continue;
    const field = (name: string) => stored.header.get(name);
    letters.push({ id: field('Nats-Msg-Id'), subject: field('Deskhand-Subject'), consumer: field('Deskhand-Consumer'), error: field('Deskhand-Error'), at: stored.time.toISOString() });
  }
  return letters;
}
