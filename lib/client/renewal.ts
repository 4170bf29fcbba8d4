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
export interface Renewal {
  start(line: Line): void;
  stop(): void;
}

/** Makes the renewal of one client; state in a closure, since private fields cost the bundle more. */
export function createRenewal({ login, requests, backoff, options }: RenewalParts): Renewal {
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the newest try has a say. */
  let newest = 0;

  const stop = (): void => {
    newest += 1;
    clearTimeout(timer);
  };

  const start = (line: Line, failures: number): void => {
    stop();
    const current = newest;
    const fail = (error: unknown): void => {
      if (current !== newest) return;
      stop();
      options.onError(error);
      if (error instanceof ClientError && !error.retryable) return;
      timer = setTimeout(() => start(line, failures + 1), backoff.limitMs(failures));
    };
    const renew = async (): Promise<void> => {
      const answer = await login.ask();
      if (current !== newest) return;
      clearTimeout(timer);
      if ('end' in answer || answer.token === undefined) return;
      const content = { token: answer.token };
      const send = (id: number): void => line.send(JSON.stringify({ type: '$auth', id, content }));
      await requests.ask(send, () => undefined, options.requestTimeoutMs);
    };
    timer = setTimeout(() => fail(new ClientError('timeout', 'no token in time', true)), options.connectTimeoutMs);
    renew().catch(fail);
  };

  return { stop, start: (line) => start(line, 0) };
}
