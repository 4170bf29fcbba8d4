import type { IncomingMessage } from 'node:http';
import { checkForm } from './checks';
import type { ExpressLikeRequest, ExpressRequests } from './express-requests';
import type { Gate } from './gate';
import { peerNetwork } from './peer-network';
import { offeredProtocols } from './protocols';
import { isRefusal } from './refuse';
import type { Refusal } from './refuse';
import { liftToken } from './token';
import type { Credentials } from './token';

/** A place among the upgrades on their way. `Admission.leave` gives it back. */
export interface Entry {
  readonly credentials: Credentials;
  /** Whose place it is, see {@link peerNetwork}; `undefined` where addresses are not counted. */
  readonly address: string | undefined;
}

const BAD_PROTOCOLS: Refusal = { status: 400, why: 'bad-request', hint: 'Sec-WebSocket-Protocol is malformed' };

/** Runs the checks that need nobody's code, cheapest first, and takes a place. */
export function enter(gate: Gate, req: IncomingMessage): Entry | Refusal {
  const { admission, checkOrigin, settings, express } = gate;
  const refusal = admission.check() ?? checkForm(req) ?? checkOrigin(req);
  if (refusal !== undefined) return refusal;
  const protocols = offeredProtocols(req);
  if (protocols === undefined) return BAD_PROTOCOLS;
  const credentials = liftToken(req, protocols, settings.tokenFrom, settings.tickets !== undefined);
  if (isRefusal(credentials)) return credentials;
  express?.dress(req);
  const address = admission.hasAddressLimit ? peerOf(req, express) : undefined;
  return admission.enter(address) ?? { credentials, address };
}

function peerOf(req: ExpressLikeRequest, express: ExpressRequests | undefined): string {
  return peerNetwork(express?.addressOf(req) ?? req.socket.remoteAddress ?? '');
}
