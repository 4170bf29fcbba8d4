import { RealtimeError } from '../model/errors';

/** The promise `ready`: settles once, and is never an unhandled rejection. */
export class Readiness {
  readonly promise: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: RealtimeError) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReached = false;

  /** @param timeoutMs after which it rejects with `ERR_REALTIME_START_TIMEOUT`; `undefined` = never. */
  constructor(timeoutMs: number | undefined, label: string) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => undefined);
    if (timeoutMs === undefined) return;
    const message = `${label} was not ready within startTimeoutMs (${timeoutMs} ms)`;
    this.#timer = setTimeout(() => this.fail(new RealtimeError('ERR_REALTIME_START_TIMEOUT', message)), timeoutMs);
  }

  /** Whether the node was ready once, even if after the promise had been rejected. */
  get isReached(): boolean {
    return this.#isReached;
  }

  /** @returns whether this was the first time. */
  reach(): boolean {
    clearTimeout(this.#timer);
    this.#resolve();
    const isFirst = !this.#isReached;
    this.#isReached = true;
    return isFirst;
  }

  fail(error: RealtimeError): void {
    clearTimeout(this.#timer);
    this.#reject(error);
  }
}
