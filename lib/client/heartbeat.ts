/** How much later than asked a timer may fire before the page itself must have slept or been throttled. */
const LATE_MS = 1000;

/**
 * Notices a dead line, which a browser does not: sends a text `ping` when nothing came for an interval, and gives up
 * when nothing came for `timeoutMs` after it. A timer that fires late says that this page slept: its own silence is not
 * the line's, so it asks again.
 */
export class Heartbeat {
  readonly #ping: () => void;
  readonly #giveUp: () => void;
  readonly #timeoutMs: number;
  #intervalMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heard = false;
  #isAsking = false;

  constructor(timeoutMs: number, ping: () => void, giveUp: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#ping = ping;
    this.#giveUp = giveUp;
  }

  /** @param intervalMs as the server's `$hello` says; 0 = not yet known, which only waits. */
  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#heard = this.#isAsking = false;
    if (intervalMs > 0) this.#wait(intervalMs, () => (this.#heard ? this.start(intervalMs) : this.#ask()));
  }

  /** Something came. */
  touch(): void {
    this.#heard = true;
  }

  /** Asks now, for instance after the page woke up. */
  check(): void {
    if (this.#intervalMs > 0 && !this.#isAsking) this.#ask();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#intervalMs = 0;
  }

  #ask(): void {
    this.#heard = false;
    this.#isAsking = true;
    this.#ping();
    this.#wait(this.#timeoutMs, (isLate) => {
      if (this.#heard) this.start(this.#intervalMs);
      else if (isLate) this.#ask();
      else this.#giveUp();
    });
  }

  #wait(ms: number, then: (isLate: boolean) => void): void {
    const due = Date.now() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => then(Date.now() - due > LATE_MS), ms);
  }
}
