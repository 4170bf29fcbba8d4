import type { Hub } from './hub';
import type { LiveSession } from './live-session';
import type { SessionHost } from './host';
import { CloseCode } from '../model/close-codes';

/** A session that gave no sign of life for this many beats is over. */
const SILENT_BEATS = 2;
/** A tick that comes later than this part of a beat says that this process slept, not its clients. */
const LATE_PART = 0.5;

/**
 * One timer for all sessions: each gets a ping at every beat, and who has not given a sign of life since the one before
 * is terminated.
 * A process that was itself stopped or blocked must not take its own silence for its clients': after a late tick
 * every session gets a fresh beat.
 */
export class Heartbeat {
  readonly #hub: Hub;
  readonly #host: SessionHost;
  readonly #intervalMs: number;
  readonly #maxPauseMs: number;
  readonly #timer: NodeJS.Timeout;
  #expectedAt: number;

  /** @param intervalMs length of a beat. */
  constructor(host: SessionHost, intervalMs: number, maxPauseMs: number) {
    this.#hub = host.hub;
    this.#host = host;
    this.#intervalMs = intervalMs;
    this.#maxPauseMs = maxPauseMs;
    this.#expectedAt = performance.now() + intervalMs;
    this.#timer = setInterval(() => this.#tick(), intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const isLate = now - this.#expectedAt > this.#intervalMs * LATE_PART;
    this.#expectedAt = now + this.#intervalMs;
    this.#host.beat += 1;
    const silent: LiveSession[] = [];
    for (const session of this.#hub.all()) {
      if (isLate) session.touch();
      if (this.#isPaused(session, now)) continue;
      if (this.#isSilent(session)) silent.push(session);
      else if (session.isOpen) session.socket.ping();
    }
    if (silent.length > 0) setImmediate(() => this.#terminate(silent));
  }

  /** A paused socket reads no pong: its silence is ours, until the pause itself lasts too long. */
  #isPaused(session: LiveSession, now: number): boolean {
    if (session.pausedAt === undefined) return false;
    if (now - session.pausedAt > this.#maxPauseMs) session.end('flood', CloseCode.tooMany, 'handlers too slow');
    session.touch();
    return true;
  }

  #isSilent(session: LiveSession): boolean {
    session.lookAtLine();
    return this.#host.beat - session.beatSeen >= SILENT_BEATS;
  }

  /**
   * Runs after the poll phase: where this process was held up for little more than a beat, the pongs lie unread in the
   * kernel while the tick is hardly late.
   */
  #terminate(silent: readonly LiveSession[]): void {
    for (const session of silent) {
      if (this.#isSilent(session)) session.terminate('silent', CloseCode.abnormal);
    }
  }
}
