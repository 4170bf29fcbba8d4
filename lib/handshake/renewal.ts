import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { RenewalOutcome } from '../model/renewal';
import type { Authenticator, LoginOutcome } from './authenticator';
import type { ExpressRequests } from './express-requests';
import type { HandshakeSettings } from './handshake';
import { LateResponse } from './late-response';
import { finishLogin, startLogin } from './login';
import { isTokenText } from './token';
import { faultVerdict, judge } from './verdict';
import type { Verdict } from './verdict';

/** What a renewal needs of the door. */
export interface RenewalParts {
  readonly settings: HandshakeSettings;
  readonly express: ExpressRequests | undefined;
  readonly authenticate: Authenticator;
}

const REFUSED: RenewalOutcome = { kind: 'refused' };

/** Runs the same login as the handshake with a new token, on a request of its own. Never rejects. */
export async function renewLogin(parts: RenewalParts, token: string): Promise<RenewalOutcome> {
  if (!isTokenText(token)) return REFUSED;
  try {
    return await withinTime(login(parts, token), parts.settings.authTimeoutMs);
  } catch (error) {
    return outcomeOf(faultVerdict(error), error);
  }
}

async function login(parts: RenewalParts, token: string): Promise<RenewalOutcome> {
  const { settings } = parts;
  const req = requestWith(token, parts);
  const verdict = judge(await authenticate(parts, req), true, false);
  if (verdict.kind !== 'user') return outcomeOf(verdict, undefined);
  const input: unknown = await startLogin(settings, verdict.user, req, verdict.info);
  return input === null ? REFUSED : { kind: 'user', loginUser: finishLogin(settings, input, token) };
}

/** Only a server's own failure leaves it open whether the token is good. */
function outcomeOf(verdict: Verdict, error: unknown): RenewalOutcome {
  if (verdict.kind !== 'refused' || verdict.refusal.status < 500) return REFUSED;
  return { kind: 'failed', error: verdict.error ?? error };
}

/** The token stands where a strategy that took the handshake's may look for it. */
function requestWith(token: string, { settings, express }: RenewalParts): IncomingMessage {
  // A socket that is connected to nothing: strategies read headers and addresses, and find none but the token.
  const req = new IncomingMessage(new Socket());
  req.method = 'GET';
  req.headers.authorization = `Bearer ${token}`;
  const query = settings.tokenFrom.includes('query') ? `?token=${encodeURIComponent(token)}` : '';
  req.url = settings.path + query;
  express?.dress(req);
  express?.setUrl(req, req.url);
  return req;
}

/** Rejects when there is no result in time; 0 = no limit. */
function withinTime<Result>(result: Promise<Result>, timeoutMs: number): Promise<Result> {
  if (timeoutMs === 0) return result;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no decision within authTimeoutMs')), timeoutMs);
    void result.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function authenticate({ express, authenticate: ask }: RenewalParts, req: IncomingMessage): Promise<LoginOutcome> {
  return new Promise((resolve) => {
    const answered: LoginOutcome = { kind: 'nobody', hasBadCredentials: true, detail: 'the strategy answered' };
    try {
      ask(req, new LateResponse(req, express, () => resolve(answered)).proxy, resolve);
    } catch (error) {
      resolve({ kind: 'fault', error });
    }
  });
}
