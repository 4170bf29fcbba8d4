import type { IncomingMessage, Server } from 'node:http';
import { RealtimeError } from '../model/errors';
import { Acceptor } from './acceptor';
import { Admission, CLOSING } from './admission';
import { functionAuthenticator } from './authenticator';
import type { Authenticator } from './authenticator';
import { dispatcherOf } from './dispatcher';
import type { Door } from './dispatcher';
import { expressRequests } from './express-requests';
import type { Gate } from './gate';
import type { HandshakeSettings, OpenHandshake } from './handshake';
import { originCheck } from './origin';
import { passportAuthenticator } from './passport';
import { offeredProtocols } from './protocols';
import { renewLogin } from './renewal';
import { BEARER_PREFIX } from './token';
import { handleUpgrade } from './upgrade';
import { UpgradeQueue } from './upgrade-queue';

/**
 * Opens the door of one path on one server.
 *
 * @throws RealtimeError `ERR_REALTIME_ATTACH` when the path is taken on this server; `ERR_REALTIME_OPTION` for an entry
 *   of `origins` that is none, or when not exactly one of `passport` and `authenticate` is given.
 */
export const openHandshake: OpenHandshake = (server, settings, hooks) => {
  const express = expressRequests(settings.app);
  const admission = new Admission(settings, hooks.sessions, hooks.isServing);
  const gate: Gate = {
    settings,
    hooks,
    express,
    admission,
    acceptor: new Acceptor(settings.maxPayloadBytes, settings.protocols),
    checkOrigin: originCheck(settings.origins, express),
    authenticate: authenticatorOf(settings),
    queue: new UpgradeQueue(),
    undecided: new Set(),
  };
  const door: Door = {
    handleUpgrade: (req, socket, head) => handleUpgrade(gate, req, socket, head),
    isMeant: (req) => isMeant(req, settings.protocols),
    handleNotFound: () =>
      hooks.onEvent({
        name: 'handshake.refused',
        status: 404,
        why: 'not-found',
        hint: `an upgrade for a path that is not attached; path is ${settings.path}`,
      }),
  };
  const dispatcher = dispatcherOf(server);
  warnOfSlowPeers(server);
  dispatcher.add(settings.path, door);
  return {
    renewLogin: (token) => renewLogin(gate, token),
    refuseNew: () => refuseNew(gate),
    close: () => {
      refuseNew(gate);
      dispatcher.remove(settings.path, door);
    },
  };
};

/** From now on nobody comes in: those whose login is under way would be refused after it, so they need not wait for it. */
function refuseNew({ admission, undecided }: Gate): void {
  admission.refuseNew();
  for (const upgrade of [...undecided]) upgrade.end(CLOSING);
}

/** Until the request is whole only the server's own timeouts end a peer that drips it; they are the application's. */
function warnOfSlowPeers({ headersTimeout, requestTimeout }: Server): void {
  if (headersTimeout !== 0 || requestTimeout !== 0) return;
  process.emitWarning('headersTimeout and requestTimeout of the HTTP server are 0: slow requests are never ended', {
    code: 'REALTIME_NO_REQUEST_TIMEOUT',
  });
}

function authenticatorOf({ passport, strategy, authenticate }: HandshakeSettings): Authenticator {
  if (authenticate !== undefined && passport === undefined) return functionAuthenticator(authenticate);
  if (passport !== undefined && authenticate === undefined) return passportAuthenticator(passport, strategy);
  throw new RealtimeError('ERR_REALTIME_OPTION', 'give exactly one of passport and authenticate');
}

/** Beside others a request that offers only subprotocols which we do not speak is theirs: Vite's HMR offers its own. */
function isMeant(req: IncomingMessage, protocols: readonly string[]): boolean {
  const offered = offeredProtocols(req) ?? [];
  return offered.length === 0 || offered.some((each) => protocols.includes(each) || each.startsWith(BEARER_PREFIX));
}
