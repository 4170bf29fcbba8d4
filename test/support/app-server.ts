import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express5 from 'express';
import type { Express } from 'express';
import { attachRealtime } from '../../lib/index';
import type { ErrorOrigin, LoginUserInput, Realtime, RealtimeEvent, RealtimeOptions } from '../../lib/index';
import { connect } from '../../lib/testing/index';
import type { ConnectOptions, TestClient } from '../../lib/testing/index';

/** What was given to `onError`. */
export interface Reported {
  readonly error: Error & { readonly code?: unknown };
  readonly origin: ErrorOrigin;
}

/** A real app on a real port, with an attach; what it reports is kept. */
export interface AppServer {
  readonly app: Express;
  readonly server: Server;
  readonly realtime: Realtime;
  readonly url: string;
  readonly errors: readonly Reported[];
  readonly events: readonly RealtimeEvent[];
  /** Logs a user in; a guest when `user` is null. */
  login(user: LoginUserInput | null, options?: ConnectOptions): Promise<TestClient>;
  /** Resolves with what `onError` gets next, or got and nobody asked for. */
  nextError(): Promise<Reported>;
}

/** What a test wants to be different. */
export interface AppServerOptions extends Partial<RealtimeOptions> {
  /** Mounts routes before the server listens. */
  readonly mount?: (app: Express) => void;
  /** Express 4 instead of 5. */
  readonly express?: () => unknown;
}

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Closes something after the test that runs. */
export function closeAfterTest(close: () => Promise<unknown>): void {
  closers.push(close);
}

/** The token that {@link authenticate} reads: the user itself. */
export function tokenOf(user: LoginUserInput): string {
  return Buffer.from(JSON.stringify(user), 'utf8').toString('base64url');
}

/** A login for tests: believes the token. */
export const authenticate: NonNullable<RealtimeOptions['authenticate']> = (req) => {
  const token = req.headers.authorization?.slice('Bearer '.length) ?? '';
  return token === '' ? null : (JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as LoginUserInput);
};

/** Listens on a free port; closed after the test. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closeAfterTest(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts an app with an attach; everything is closed after the test. */
export async function startApp({ mount, express = express5, ...options }: AppServerOptions = {}): Promise<AppServer> {
  // Express 4 and 5 have one shape as far as tests use them.
  const app = express() as Express;
  mount?.(app);
  const server = createServer(app);
  const url = await listen(server);
  const errors: Reported[] = [];
  const events: RealtimeEvent[] = [];
  const unread: Reported[] = [];
  const waiting: ((reported: Reported) => void)[] = [];
  const realtime = attachRealtime(server, {
    ...(options.passport === undefined ? { authenticate } : {}),
    onError: (error, origin) => {
      const reported = { error, origin };
      errors.push(reported);
      const next = waiting.shift();
      if (next === undefined) unread.push(reported);
      else next(reported);
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  closeAfterTest(() => realtime.close());
  return {
    app,
    server,
    realtime,
    url,
    errors,
    events,
    login: (user, connectOptions = {}) =>
      openClient(server, {
        ...(options.path === undefined ? {} : { path: options.path }),
        ...(user === null ? {} : { token: tokenOf(user) }),
        ...connectOptions,
      }),
    nextError: () => {
      const reported = unread.shift();
      return reported === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(reported);
    },
  };
}

/** Connects a client that is closed after the test. */
export async function openClient(to: Server | string, options?: ConnectOptions): Promise<TestClient> {
  const client = await connect(to, options);
  closeAfterTest(() => client.terminate());
  return client;
}
