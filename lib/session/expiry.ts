import type { LiveSession } from './live-session';
import { CloseCode } from '../model/close-codes';

const TICK_MS = 500;
const SECOND_MS = 1000;

/** When sessions are warned and ended. */
export interface ExpirySettings {
  /** How long before its end a v1 client is told of it. */
  readonly expiryWarningMs: number;
  /** How long after its end a login still counts. */
  readonly expiryGraceMs: number;
}

/**
 * Warns sessions and ends them when their login ends, at most a second late: sessions stand in buckets of the second in
 * which something is due, and one timer looks at the buckets while there are any. No timer per session, and no long
 * one, since Node fires a timer of more than 24.8 days after a millisecond.
 */
export class ExpiryClock {
  readonly #settings: ExpirySettings;
  readonly #buckets = new Map<number, Set<LiveSession>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ExpirySettings) {
    this.#settings = settings;
  }

  /** Takes a session in, if its login ends; once more after it was renewed. */
  add(session: LiveSession): void {
    this.remove(session);
    const endsAtMs = this.#endOf(session);
    if (endsAtMs === undefined) return;
    const canBeWarned = session.wire.name === 'v1';
    this.#put(session, canBeWarned ? this.#warningBefore(endsAtMs) : endsAtMs);
  }

  remove(session: LiveSession): void {
    if (session.dueAtMs === undefined) return;
    const second = Math.floor(session.dueAtMs / SECOND_MS);
    session.dueAtMs = undefined;
    const bucket = this.#buckets.get(second);
    bucket?.delete(session);
    if (bucket?.size === 0) this.#buckets.delete(second);
    if (this.#buckets.size === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #put(session: LiveSession, dueAtMs: number): void {
    session.dueAtMs = dueAtMs;
    const second = Math.floor(dueAtMs / SECOND_MS);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, new Set([session]));
    else bucket.add(session);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #tick(): void {
    const now = Date.now();
    for (const [second, bucket] of this.#buckets) {
      if (second * SECOND_MS > now) continue;
      for (const session of [...bucket]) {
        if (session.dueAtMs !== undefined && session.dueAtMs <= now) this.#act(session, now);
      }
    }
  }

  #act(session: LiveSession, now: number): void {
    const endsAtMs = this.#endOf(session) ?? now;
    this.remove(session);
    if (endsAtMs <= now) return session.end('expired', CloseCode.loginExpired, 'login expired');
    session.tell('$expiring', { expiresInMs: Math.max(0, endsAtMs - this.#settings.expiryGraceMs - now) });
    return this.#put(session, endsAtMs);
  }

  #endOf(session: LiveSession): number | undefined {
    const expiresAtMs = session.loginUser?.expiresAtMs;
    return expiresAtMs === undefined ? undefined : expiresAtMs + this.#settings.expiryGraceMs;
  }

  #warningBefore(endsAtMs: number): number {
    return endsAtMs - this.#settings.expiryGraceMs - this.#settings.expiryWarningMs;
  }
}
