import { LoginUserError } from '../model/login-user';
import type { LoginOutcome } from './authenticator';
import { asError, isInfrastructureFault, statusOf } from './fault';
import { isRefusalStatus } from './refuse';
import type { Refusal } from './refuse';

/** What a login outcome means for the handshake. */
export type Verdict =
  | { readonly kind: 'user'; readonly user: unknown; readonly info: unknown }
  | { readonly kind: 'guest' }
  /** `error` is the application's fault, to be reported. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly error?: Error };

const UNAVAILABLE: Refusal = { status: 503, why: 'auth-error', hint: 'a service that the login needs was not reached' };
const FAULT: Refusal = { status: 500, why: 'auth-error', hint: 'the login failed with an error; see onError' };
const LOGIN_USER: Refusal = { status: 500, why: 'login-user', hint: 'the login gave no usable LoginUser; see onError' };
const NO_TENANT: Refusal = { status: 403, why: 'forbidden', hint: 'the LoginUser has no tenantId; multiTenant is on' };
const NEVER_GUEST: Refusal = {
  status: 401,
  why: 'unauthenticated',
  hint: 'no strategy took the token; a request with a token is never a guest',
};
const UNDECIDED: Refusal = { status: 401, why: 'unauthenticated', hint: 'no strategy decided, and anonymous is off' };

/**
 * Decides what an outcome leads to. A request that shows a token, good or bad, wherever it stands, is never a guest.
 *
 * @param hasCarrier the request shows something that wants to be a token.
 */
export function judge(outcome: LoginOutcome, hasCarrier: boolean, isGuestAllowed: boolean): Verdict {
  switch (outcome.kind) {
    case 'user':
      return outcome;
    case 'fault':
      return faultVerdict(outcome.error);
    case 'passed': {
      if (hasCarrier || outcome.hasBadCredentials) return { kind: 'refused', refusal: NEVER_GUEST };
      if (isPresent(outcome.user)) return { kind: 'user', user: outcome.user, info: undefined };
      return isGuestAllowed ? { kind: 'guest' } : { kind: 'refused', refusal: UNDECIDED };
    }
    case 'nobody': {
      if (isGuestAllowed && !hasCarrier && !outcome.hasBadCredentials) return { kind: 'guest' };
      return { kind: 'refused', refusal: { status: 401, why: 'unauthenticated', hint: outcome.detail } };
    }
  }
}

/** Decides what an error of the application's login code leads to: 503 when something was not reached, else 500. */
export function faultVerdict(error: unknown): Verdict {
  if (error instanceof LoginUserError) {
    if (error.fault === 'tenant-missing') return { kind: 'refused', refusal: NO_TENANT };
    return { kind: 'refused', refusal: LOGIN_USER, error };
  }
  const refusal = isInfrastructureFault(error) ? UNAVAILABLE : FAULT;
  return { kind: 'refused', refusal, error: asError(error, 'the login') };
}

/** Decides what an error on the way to a ticket's login leads to: it is the store's, unless the login is no good. */
export function ticketVerdict(error: unknown): Verdict {
  if (error instanceof LoginUserError) return faultVerdict(error);
  return { kind: 'refused', refusal: UNAVAILABLE, error: asError(error, 'the ticket store') };
}

/** Decides what a failed middleware leads to: the status that its error asks for, else 500. */
export function middlewareVerdict(error: unknown): Verdict {
  const status = statusOf(error);
  const hint = 'a middleware of options.middleware failed';
  if (isRefusalStatus(status) && status < 500) return { kind: 'refused', refusal: { status, why: 'middleware', hint } };
  const refusal: Refusal = { status: isInfrastructureFault(error) ? 503 : 500, why: 'middleware', hint };
  return { kind: 'refused', refusal, error: asError(error, 'a middleware') };
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
