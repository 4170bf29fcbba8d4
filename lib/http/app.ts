import type { IncomingMessage, Server } from 'node:http';
import type { RenewEnd } from '../model/renewal';
import type { Sender } from '../model/sender';
import { RealtimeError, describeValue } from '../model/errors';

/** The part of an Express app that is used here. */
interface AppLike {
  readonly locals: Record<string, unknown>;
  readonly parent?: AppLike;
}

/**
 * Senders that were mounted by an attach, so that nothing else on `app.locals` is taken for one, and what renews the
 * sessions of that attach.
 */
const mounted = new WeakMap<object, RenewEnd>();

/** The names under which a sender stood on some `locals` until its attach was closed. */
const vacated = new WeakMap<object, Set<string>>();

/**
 * The Express app behind a server: given, or found among its request listeners.
 *
 * @throws RealtimeError `ERR_REALTIME_ATTACH` when the server is none, or no app was found; `ERR_REALTIME_OPTION` when
 *   `app` is no Express app.
 */
export function findApp(server: unknown, given: object | undefined): object {
  if (!isServer(server)) {
    throw new RealtimeError(
      'ERR_REALTIME_ATTACH',
      `the first argument must be the HTTP server, as app.listen(3000) returns it, got ${describeValue(server)}`,
    );
  }
  if (given !== undefined) {
    if (isApp(given)) return given;
    throw new RealtimeError('ERR_REALTIME_OPTION', 'option app must be an Express app (it has locals)');
  }
  const app = server.listeners('request').find(isApp);
  if (app !== undefined) return app;
  throw new RealtimeError(
    'ERR_REALTIME_ATTACH',
    'no Express app was found among the server’s request listeners: give it as option app',
  );
}

/**
 * Mounts a sender on `app.locals`.
 *
 * @returns the way back.
 * @throws RealtimeError `ERR_REALTIME_ATTACH` when the place is taken.
 */
export function mountSender(
  app: object | undefined,
  localsKey: string,
  sender: Sender,
  renewEnd: RenewEnd = () => Promise.resolve('unknown'),
): () => void {
  if (!isApp(app)) return () => undefined;
  const { locals } = app;
  if (localsKey in locals) {
    throw new RealtimeError(
      'ERR_REALTIME_ATTACH',
      `app.locals.${localsKey} is taken: give a second attach its own option localsKey`,
    );
  }
  mounted.set(sender, renewEnd);
  locals[localsKey] = sender;
  return () => {
    if (locals[localsKey] !== sender) return;
    delete locals[localsKey];
    vacated.set(locals, new Set(vacated.get(locals)).add(localsKey));
  };
}

/**
 * The sender of a request's app, of the app that it is mounted in, or of the app of the server: a sub-app has `locals`
 * of its own.
 *
 * @param localsKey the attach's option of that name; default `sender`.
 * @throws RealtimeError `ERR_REALTIME_ATTACH` when nothing is attached; `ERR_REALTIME_CLOSED` when it is no longer.
 */
export function getSender(req: IncomingMessage, localsKey = 'sender'): Sender {
  const { app } = req as { readonly app?: unknown };
  const sender = senderOf(app, localsKey) ?? senderOf(rootApp(req), localsKey);
  if (sender !== undefined) return sender;
  if (wasVacated(app, localsKey) || wasVacated(rootApp(req), localsKey)) {
    throw new RealtimeError('ERR_REALTIME_CLOSED', `the attach behind app.locals.${localsKey} has been closed`);
  }
  throw new RealtimeError(
    'ERR_REALTIME_ATTACH',
    `no sender under app.locals.${localsKey} of this request's app or its parents: call attachRealtime first`,
  );
}

/** What renews the sessions of the attach whose sender {@link getSender} gives. Errors as there. */
export function getRenewEnd(req: IncomingMessage, localsKey: string): RenewEnd {
  return mounted.get(getSender(req, localsKey)) ?? (() => Promise.resolve('unknown'));
}

function senderOf(innermost: unknown, localsKey: string): Sender | undefined {
  for (const { locals } of appsFrom(innermost)) {
    const sender = locals[localsKey];
    if (typeof sender === 'object' && sender !== null && mounted.has(sender)) return sender as Sender;
  }
  return undefined;
}

function wasVacated(innermost: unknown, localsKey: string): boolean {
  for (const { locals } of appsFrom(innermost)) if (vacated.get(locals)?.has(localsKey) === true) return true;
  return false;
}

/** An app and those that it is mounted in. */
function* appsFrom(innermost: unknown): Generator<AppLike> {
  for (let app = innermost; isApp(app); app = app.parent) yield app;
}

/** An app that was mounted in a router, not in an app, has no parent: Node knows the server of a socket. */
function rootApp(req: IncomingMessage): unknown {
  const { server } = (req.socket ?? {}) as { readonly server?: unknown };
  return isServer(server) ? server.listeners('request').find(isApp) : undefined;
}

function isServer(value: unknown): value is Server {
  if (typeof value !== 'object' || value === null) return false;
  const { listen, listeners } = value as Partial<Server>;
  return typeof listen === 'function' && typeof listeners === 'function';
}

function isApp(value: unknown): value is AppLike {
  if (typeof value !== 'function') return false;
  const { locals } = value as unknown as Partial<AppLike>;
  return typeof locals === 'object' && locals !== null;
}
