import type { ResolvedClientOptions } from './options';
import { timerMs } from './options';

/** Says how long to wait before the next try. */
export interface Backoff {
  /** How long even a page that wakes up may not hurry. */
  heldMs(): number;
  handleOpen(): void;
  /** @param content of `$draining`. */
  handleDraining(content: unknown): void;
  /**
   * The wait after a line that ended: full jitter, anything from 0 to the doubled limit; from half of it where the server
   * asked for slowness. A line that held resets the limit; one that dies at once does not.
   */
  next(code: number): number;
  /** The longest wait after so many failures. */
  limitMs(failures: number): number;
}

/** Tells whether a close code of 44xx only says: not so fast. The next try never comes at once then. */
export function asksForSlowness(code: number): boolean {
  return code === 4408 || code === 4429;
}

/** Makes the backoff of one client; state in a closure, since private fields cost the bundle more. */
export function createBackoff({ minBackoffMs, maxBackoffMs }: ResolvedClientOptions): Backoff {
  let failures = 0;
  let openedAt = 0;
  let notBefore = 0;
  /** What the server said of when to come back; used once. */
  let told: number | undefined;
  const limitMs = (count: number): number => Math.min(maxBackoffMs, minBackoffMs * 2 ** count);
  return {
    limitMs,
    heldMs: () => notBefore - Date.now(),
    handleOpen() {
      openedAt = Date.now();
    },
    handleDraining(content) {
      const { reconnectInMs } = (content ?? {}) as { reconnectInMs?: unknown };
      if (typeof reconnectInMs === 'number') told = timerMs(Math.max(0, reconnectInMs));
    },
    next(code) {
      const now = Date.now();
      if (openedAt !== 0 && now - openedAt > maxBackoffMs) failures = 0;
      openedAt = 0;
      const limit = limitMs(failures);
      const floor = told ?? (asksForSlowness(code) ? limit / 2 : 0);
      const waitMs = told ?? floor + Math.random() * (limit - floor);
      if (told === undefined) failures += 1;
      told = undefined;
      notBefore = now + floor;
      return waitMs;
    },
  };
}
