import type { RequestId } from '../wire/wire';
import { MessageError } from '../model/message-errors';
import { RealtimeError } from '../model/errors';

/** `setTimeout` takes no more: above it, timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a request to a client waits, unless the call says more. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** Options of `session.request`. */
export interface RequestOptions {
  /** How long to wait for the reply; default 10,000 ms. `Infinity` waits as long as the session lives. */
  readonly timeoutMs?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

interface Pending {
  resolve(content: unknown): void;
  reject(error: Error): void;
}

/** What one session has asked its client and is waiting for. */
export class Requests {
  readonly #pending = new Map<RequestId, Pending>();
  #asked = 0;

  /**
   * Asks and waits.
   *
   * @param send writes the request under the id that it is given; false when nothing was queued.
   */
  ask(send: (id: RequestId) => boolean, { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RequestOptions): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    const reply = new Promise<unknown>((resolve, reject) => {
      if (signal?.aborted === true) return reject(abortError());
      const settle = (conclude: () => void): void => {
        if (!this.#pending.delete(id)) return;
        clearTimeout(timer);
        signal?.removeEventListener('abort', handleAbort);
        conclude();
      };
      const handleAbort = (): void => settle(() => reject(abortError()));
      const timer = setTimeout(() => settle(() => reject(timeoutError(timeoutMs))), Math.min(timeoutMs, MAX_TIMER_MS));
      signal?.addEventListener('abort', handleAbort);
      this.#pending.set(id, {
        resolve: (content) => settle(() => resolve(content)),
        reject: (error) => settle(() => reject(error)),
      });
      if (!send(id)) this.#pending.get(id)?.reject(closedError());
    });
    // A caller who does not await must not crash the process; who awaits still gets the rejection.
    reply.catch(() => undefined);
    return reply;
  }

  /** The client replied. An id that is not waited for is ignored: the wait may be over. */
  settle(id: RequestId, content: unknown): void {
    this.#pending.get(id)?.resolve(content);
  }

  /** The client refused. */
  refuse(id: RequestId, content: unknown): void {
    this.#pending.get(id)?.reject(toMessageError(content));
  }

  /** The session is over. */
  close(): void {
    for (const pending of [...this.#pending.values()]) pending.reject(closedError());
  }
}

function toMessageError(content: unknown): MessageError {
  const { code, message, retryable } = (typeof content === 'object' && content !== null ? content : {}) as Readonly<
    Record<string, unknown>
  >;
  return new MessageError(
    typeof code === 'string' ? code : 'internal',
    typeof message === 'string' ? message : 'the client refused',
    { retryable: retryable === true },
  );
}

function timeoutError(timeoutMs: number): RealtimeError {
  return new RealtimeError('ERR_REALTIME_TIMEOUT', `the client did not reply within ${timeoutMs} ms`);
}

function closedError(): RealtimeError {
  return new RealtimeError('ERR_REALTIME_CLOSED', 'the session closed before the client replied');
}

function abortError(): RealtimeError {
  return new RealtimeError('ERR_REALTIME_TIMEOUT', 'the request was aborted');
}

/** A request that cannot be asked. As {@link Requests.ask}: a caller who does not await must not crash the process. */
export function rejectedRequest(message: string): Promise<never> {
  const rejected = Promise.reject<never>(new RealtimeError('ERR_REALTIME_WIRE', message));
  rejected.catch(() => undefined);
  return rejected;
}
