import { timerMs } from './options';

/** Close codes that say: not so fast. The next try never comes at once. */
const SLOW_DOWN_CODES: readonly number[] = [4408, 4429];

/** Says how long to wait before the next try. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  #failures = 0;
  #openedAt = 0;
  /** What the server said of when to come back; used once. */
  #comeBackInMs: number | undefined;
  #notBefore = 0;

  constructor({ minBackoffMs, maxBackoffMs }: { readonly minBackoffMs: number; readonly maxBackoffMs: number }) {
    this.#minMs = minBackoffMs;
    this.#maxMs = maxBackoffMs;
  }

  /** How long even a page that wakes up may not hurry. */
  get heldMs(): number {
    return this.#notBefore - Date.now();
  }

  handleOpen(): void {
    this.#openedAt = Date.now();
  }

  /** @param content of `$draining`. */
  handleDraining(content: unknown): void {
    const { reconnectInMs } = (content ?? {}) as { reconnectInMs?: unknown };
    if (typeof reconnectInMs === 'number') this.#comeBackInMs = timerMs(Math.max(0, reconnectInMs));
  }

  /**
   * The wait after a line that ended: full jitter, anything from 0 to the doubled limit; from half of it where the server
   * asked for slowness. A line that held resets the limit; one that dies at once does not.
   */
  next(code: number): number {
    const told = this.#comeBackInMs;
    this.#comeBackInMs = undefined;
    if (this.#openedAt !== 0 && Date.now() - this.#openedAt > this.#maxMs) this.#failures = 0;
    this.#openedAt = 0;
    if (told !== undefined) {
      this.#notBefore = Date.now() + told;
      return told;
    }
    const limit = this.limitMs(this.#failures);
    this.#failures += 1;
    const floor = SLOW_DOWN_CODES.includes(code) ? limit / 2 : 0;
    this.#notBefore = Date.now() + floor;
    return floor + Math.random() * (limit - floor);
  }

  /** The longest wait after so many failures. */
  limitMs(failures: number): number {
    return Math.min(this.#maxMs, this.#minMs * 2 ** failures);
  }
}

/** Tells whether a code only asks for slowness. */
export function asksForSlowness(code: number): boolean {
  return SLOW_DOWN_CODES.includes(code);
}
