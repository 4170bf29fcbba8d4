import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { LoginUserInput } from '../model/login-user';
import type { TicketStore } from '../model/tickets';
import { RealtimeError, describeValue } from '../model/errors';
import { answerJson } from './json-answer';
import { checkRouteLogin } from './route-login';

/** Options of {@link ticketRoute}. */
export interface TicketRouteOptions {
  /** The store that is also the attach's option `tickets`. */
  readonly tickets: TicketStore;
  /**
   * Says who asks, as a LoginUser; `null` or `undefined` refuses with 401. The app's login middleware runs before this
   * route and leaves its user on `req.user`. Give the token's `expiresAtMs` along, so that the session ends with it, and
   * `issuedAtMs` and `tokenId` where tokens are revoked.
   */
  authorize(
    req: IncomingMessage & { readonly user?: unknown },
  ): LoginUserInput | null | undefined | Promise<LoginUserInput | null | undefined>;
  /** How long a ticket is good; default 30,000 ms. */
  readonly ttlMs?: number;
}

/** A Connect-style handler. */
export type TicketHandler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

const DEFAULT_TTL_MS = 30_000;
const TICKET_BYTES = 32;

/**
 * Sells one-time tickets: `app.post('/realtime/ticket', login, ticketRoute({ tickets, authorize }))` answers 201 with
 * `{ ticket, expiresInMs }`; the socket then connects with `?ticket=`. A ticket is good once, and is spent only when
 * its socket is let in.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION` for an option that is missing or cannot be used.
 */
export function ticketRoute(options: TicketRouteOptions): TicketHandler {
  const { tickets, ttlMs } = checkOptions(options);
  return (req, res, next) => {
    sell(tickets, ttlMs, options, req, res).catch(next);
  };
}

async function sell(
  tickets: TicketStore,
  ttlMs: number,
  options: TicketRouteOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const input = await options.authorize(req);
  if (input === null || input === undefined) return answerJson(res, 401, { error: { code: 'unauthenticated' } });
  const ticket = randomBytes(TICKET_BYTES).toString('base64url');
  await tickets.keep(ticket, checkRouteLogin(input, 'ticketRoute'), ttlMs);
  return answerJson(res, 201, { ticket, expiresInMs: ttlMs });
}

function checkOptions({ tickets, authorize, ttlMs = DEFAULT_TTL_MS }: TicketRouteOptions): {
  tickets: TicketStore;
  ttlMs: number;
} {
  const given: Partial<TicketStore> = tickets ?? {};
  if (![given.keep, given.read, given.spend].every((method) => typeof method === 'function')) {
    fail(`tickets must be a ticket store such as memoryTickets(), got ${describeValue(tickets)}`);
  }
  if (typeof authorize !== 'function') fail(`authorize must be a function, got ${describeValue(authorize)}`);
  if (!Number.isInteger(ttlMs) || ttlMs < 1)
    fail(`ttlMs must be whole milliseconds above 0, got ${describeValue(ttlMs)}`);
  return { tickets, ttlMs };
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', `ticketRoute: ${message}`);
}
