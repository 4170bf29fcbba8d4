import type { LiveSession } from './live-session';
import { CloseCode } from '../model/close-codes';

const TICK_MS = 500;
const SECOND_MS = 1000;

/**
 * Ends sessions when their login ends, at most a second late: sessions stand in buckets of one second, and one timer
 * looks at the buckets while there are any. No timer per session, and no long one, since Node fires a timer of more
 * than 24.8 days after a millisecond.
 */
export class ExpiryClock {
  readonly #buckets = new Map<number, Set<LiveSession>>();
  #timer: NodeJS.Timeout | undefined;

  add(session: LiveSession): void {
    const second = expirySecond(session);
    if (second === undefined) return;
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, new Set([session]));
    else bucket.add(session);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  remove(session: LiveSession): void {
    const second = expirySecond(session);
    if (second === undefined) return;
    const bucket = this.#buckets.get(second);
    if (bucket?.delete(session) === true && bucket.size === 0) this.#buckets.delete(second);
    if (this.#buckets.size === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = Date.now();
    for (const [second, bucket] of this.#buckets) {
      if (second * SECOND_MS > now) continue;
      for (const session of bucket) {
        if ((session.loginUser?.expiresAtMs ?? 0) <= now)
          session.end('expired', CloseCode.loginExpired, 'login expired');
      }
    }
  }
}

function expirySecond(session: LiveSession): number | undefined {
  const expiresAtMs = session.loginUser?.expiresAtMs;
  return expiresAtMs === undefined ? undefined : Math.floor(expiresAtMs / SECOND_MS);
}
