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
  const req = requestWith(token, parts.settings.path);
  parts.express?.dress(req);
  try {
    const verdict = judge(await authenticate(parts, req), true, false);
    return await conclude(parts, req, token, verdict);
  } catch (error) {
    return outcomeOf(faultVerdict(error), error);
  }
}

async function conclude(
  { settings }: RenewalParts,
  req: IncomingMessage,
  token: string,
  verdict: Verdict,
): Promise<RenewalOutcome> {
  if (verdict.kind !== 'user') return outcomeOf(verdict, undefined);
  const input: unknown = await startLogin(settings, verdict.user, req, verdict.info);
  return input === null ? REFUSED : { kind: 'user', loginUser: finishLogin(settings, input, token) };
}

/** Only a server's own failure leaves it open whether the token is good. */
function outcomeOf(verdict: Verdict, error: unknown): RenewalOutcome {
  if (verdict.kind !== 'refused' || verdict.refusal.status < 500) return REFUSED;
  return { kind: 'failed', error: verdict.error ?? error };
}

function requestWith(token: string, path: string): IncomingMessage {
  // A socket that is connected to nothing: strategies read headers and addresses, and find none but the token.
  const req = new IncomingMessage(new Socket());
  req.method = 'GET';
  req.url = path;
  req.headers.authorization = `Bearer ${token}`;
  return req;
}

function authenticate(
  { settings, express, authenticate: ask }: RenewalParts,
  req: IncomingMessage,
): Promise<LoginOutcome> {
  return new Promise((resolve, reject) => {
    const { authTimeoutMs } = settings;
    const timeOut = (): void => reject(new Error('no decision within authTimeoutMs'));
    const timer = authTimeoutMs === 0 ? undefined : setTimeout(timeOut, authTimeoutMs);
    const settle = (outcome: LoginOutcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const answered: LoginOutcome = { kind: 'nobody', hasBadCredentials: true, detail: 'the strategy answered' };
    try {
      ask(req, new LateResponse(req, express, () => settle(answered)).proxy, settle);
    } catch (error) {
      settle({ kind: 'fault', error });
    }
  });
}
