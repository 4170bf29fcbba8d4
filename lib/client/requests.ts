import { ClientError, errorOf } from './errors';
import { timerMs } from './options';

/** Options of `request`. */
export interface ClientRequestOptions {
  /** How long to wait for the reply; default: the client's `requestTimeoutMs`. `Infinity` waits as long as the line. */
  readonly timeoutMs?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly resolve: (content: unknown) => void;
  readonly reject: (error: ClientError) => void;
}

/** The requests that wait for a reply, by id. */
export class ClientRequests {
  readonly #pending = new Map<number, Pending>();
  #asked = 0;

  /**
   * Asks under a new id and waits.
   *
   * @param send writes the request; what it throws rejects.
   * @param forget called with the id when it is over: what was not sent yet must not be.
   */
  ask(
    send: (id: number) => void,
    forget: (id: number) => void,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      const settle =
        <Value>(conclude: (value: Value) => void) =>
        (value: Value): void => {
          if (!this.#pending.delete(id)) return;
          clearTimeout(timer);
          signal?.removeEventListener('abort', handleAbort);
          forget(id);
          conclude(value);
        };
      const pending = { resolve: settle(resolve), reject: settle(reject) };
      const handleAbort = (): void => pending.reject(new ClientError('aborted', 'the request was aborted'));
      const timer = setTimeout(
        () => pending.reject(new ClientError('timeout', `no reply within ${timeoutMs} ms`, true)),
        timerMs(timeoutMs),
      );
      this.#pending.set(id, pending);
      if (signal?.aborted === true) return handleAbort();
      signal?.addEventListener('abort', handleAbort);
      try {
        send(id);
      } catch (error) {
        settle(reject)(error);
      }
    });
  }

  settle(id: unknown, content: unknown): void {
    this.#pending.get(id as number)?.resolve(content);
  }

  refuse(id: unknown, content: unknown): void {
    this.#pending.get(id as number)?.reject(errorOf(content));
  }

  /**
   * The line is gone: what was asked may or may not have been done.
   *
   * @param isUnsent tells which ones wait for the next line.
   */
  rejectAll(code: string, isUnsent: (id: number) => boolean): void {
    for (const [id, { reject }] of [...this.#pending])
      if (!isUnsent(id)) reject(new ClientError(code, `the connection is ${code}`, true));
  }
}
