import { checkLoginUser } from '../model/login-user';
import type { LoginUser } from '../model/login-user';
import type { HandshakeSettings } from './handshake';
import type { Refusal } from './refuse';

/** The upgrade that brought a ticket. */
export interface TicketBearer {
  /** What else speaks against the login now; asked before the ticket is spent and after it. */
  check(loginUser: LoginUser): Refusal | undefined;
  /** Lets it in; right after the last check, so that nobody takes the place in between. */
  admit(loginUser: LoginUser): void;
  refuse(refusal: Refusal): void;
}

const BAD_TICKET: Refusal = { status: 401, why: 'unauthenticated', hint: 'the ticket is unknown, spent or too old' };
/** How long a ticket is good that was spent for a socket which was turned away after all. */
const GIVEN_BACK_MS = 10_000;

/**
 * Redeems a ticket, which stands for a login that was made when it was sold. It is spent last, when nothing else can
 * refuse: a client that was turned away for a full server may come back with it.
 * @throws rejects with what the store threw, or LoginUserError.
 */
export async function redeemTicket(
  { tickets, multiTenant }: Pick<HandshakeSettings, 'tickets' | 'multiTenant'>,
  ticket: string,
  bearer: TicketBearer,
): Promise<void> {
  const login = await tickets?.read(ticket);
  if (login === undefined) return bearer.refuse(BAD_TICKET);
  const loginUser = checkLoginUser(login, multiTenant);
  const refusal = bearer.check(loginUser);
  if (refusal !== undefined) return bearer.refuse(refusal);
  if ((await tickets?.spend(ticket)) !== true) return bearer.refuse(BAD_TICKET);
  // While it was being spent, others came in or the time was over.
  const late = bearer.check(loginUser);
  if (late === undefined) return bearer.admit(loginUser);
  await tickets?.keep(ticket, login, GIVEN_BACK_MS);
  bearer.refuse(late);
}
