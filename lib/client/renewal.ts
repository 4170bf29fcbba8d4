import type { Backoff } from './backoff';
import type { ClientRequests } from './requests';
import type { Line } from './line';
import type { Login } from './login';
import type { ResolvedClientOptions } from './options';
import { ClientError } from './errors';

/** What a renewal works with. */
export interface RenewalParts {
  readonly login: Login;
  readonly requests: ClientRequests;
  readonly backoff: Backoff;
  readonly options: ResolvedClientOptions;
}

/** Keeps a line over the end of its login with a new token. A passing fault is tried again; the end is the server's. */
export class Renewal {
  readonly #parts: RenewalParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the newest try has a say. */
  #try = 0;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  start(line: Line, failures = 0): void {
    this.stop();
    const { options, backoff } = this.#parts;
    const current = this.#try;
    const isCurrent = (): boolean => current === this.#try;
    const fail = (error: unknown): void => {
      if (!isCurrent()) return;
      this.stop();
      options.onError(error);
      if (error instanceof ClientError && !error.retryable) return;
      this.#timer = setTimeout(() => this.start(line, failures + 1), backoff.limitMs(failures));
    };
    this.#timer = setTimeout(
      () => fail(new ClientError('timeout', 'no token in time', true)),
      options.connectTimeoutMs,
    );
    this.#renew(line, isCurrent).catch(fail);
  }

  stop(): void {
    this.#try += 1;
    clearTimeout(this.#timer);
  }

  async #renew(line: Line, isCurrent: () => boolean): Promise<void> {
    const { login, requests, options } = this.#parts;
    const answer = await login.ask();
    if (!isCurrent()) return;
    clearTimeout(this.#timer);
    if ('end' in answer || answer.token === undefined) return;
    const { token } = answer;
    const send = (id: number): void => line.send(JSON.stringify({ type: '$auth', id, content: { token } }));
    await requests.ask(send, () => undefined, options.requestTimeoutMs);
  }
}
