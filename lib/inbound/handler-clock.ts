const MIN_TICK_MS = 10;
const MAX_TICK_MS = 1000;
/** How many looks a timeout is divided into: a handler is stopped at most a quarter late. */
const TICKS_PER_TIMEOUT = 4;

/** Something that runs and can be told that its time is over. */
export interface Timed {
  expire(): void;
}

/** Watches all running handlers with one timer; none while nothing runs. */
export class HandlerClock {
  readonly #timeoutMs: number;
  readonly #running = new Map<Timed, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param timeoutMs 0 = handlers may run for ever. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  start(handler: Timed): void {
    if (this.#timeoutMs === 0) return;
    this.#running.set(handler, performance.now() + this.#timeoutMs);
    const tickMs = Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, this.#timeoutMs / TICKS_PER_TIMEOUT));
    this.#timer ??= setInterval(() => this.#tick(), tickMs).unref();
  }

  stop(handler: Timed): void {
    if (this.#running.delete(handler) && this.#running.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    for (const [handler, deadline] of this.#running) {
      // Started in this order with one timeout: the first that still has time ends the look.
      if (deadline > now) return;
      this.stop(handler);
      handler.expire();
    }
  }
}
