import type { IncomingMessage, ServerResponse } from 'node:http';
import { printable } from '../model/events';
import { isThenable } from '../model/thenable';
import type { PassportLike } from './handshake';
import type { Authenticator, LoginOutcome } from './authenticator';
import type { ExpressLikeRequest } from './express-requests';
import { isInfrastructureFault } from './fault';

type Next = (error?: unknown) => void;
type Callback = (error: unknown, user?: unknown, info?: unknown) => void;
type ConnectHandler = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** What is used of Passport: `authenticate` in its form with a callback, and the look-up of a strategy by name. */
interface Passport {
  authenticate(strategy: unknown, options: object, callback: Callback): ConnectHandler;
  _strategy?(name: string): unknown;
}

/** A strategy as Passport augments it, one object a request. */
interface Strategy {
  authenticate(req: IncomingMessage, options?: unknown): unknown;
  fail?: (challenge?: unknown, status?: unknown) => void;
}

type OnOutcome = (outcome: LoginOutcome) => void;

/**
 * Makes the authenticator that asks Passport.
 *
 * @param strategy a name, names, or a Strategy (or several); tried in order.
 */
export function passportAuthenticator(passport: PassportLike, strategy: unknown): Authenticator {
  // PassportLike takes any version's types; the call is the one that all versions document.
  const asked = passport as unknown as Passport;
  const layers: readonly unknown[] | undefined = Array.isArray(strategy) ? strategy : undefined;
  return (req, res, onOutcome) => {
    const failures: unknown[] = [];
    const watch = (layer: unknown): unknown => watchStrategy(asked, layer, failures, onOutcome);
    const handle = asked.authenticate(
      layers === undefined ? watch(strategy) : layers.map(watch),
      { session: false },
      (error, user, info) => onOutcome(outcomeOf(error, user, info, failures)),
    );
    handle(req, res, (error) => onOutcome(passedOutcome(error, req, failures)));
  };
}

/**
 * Wraps a strategy for one request.
 *
 * Passport makes a fresh object of a strategy that it knows by name, but augments a Strategy that it is given in place:
 * two requests at once would end in each other's callback. It also drops the promise of an async `authenticate`, whose
 * rejection would end the process, and, once a later strategy passes, why the ones before it failed.
 */
function watchStrategy(passport: Passport, layer: unknown, failures: unknown[], onOutcome: OnOutcome): unknown {
  const strategy = typeof layer === 'string' ? passport._strategy?.(layer) : layer;
  // An unknown name is left to Passport, which says so.
  if (!isStrategy(strategy)) return layer;
  const watched = Object.create(strategy) as Strategy;
  watched.authenticate = function (req, options) {
    const fail = this.fail;
    this.fail = (challenge, status) => {
      failures.push(typeof challenge === 'number' ? undefined : challenge);
      fail?.call(this, challenge, status);
    };
    const result = strategy.authenticate.call(this, req, options);
    if (isThenable(result)) result.then(undefined, (error: unknown) => onOutcome({ kind: 'fault', error }));
    return result;
  };
  return watched;
}

function isStrategy(value: unknown): value is Strategy {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { readonly authenticate?: unknown }).authenticate === 'function'
  );
}

function outcomeOf(error: unknown, user: unknown, info: unknown, failures: readonly unknown[]): LoginOutcome {
  if (error !== null && error !== undefined && error !== false) return { kind: 'fault', error };
  if (user !== null && user !== undefined && user !== false) return { kind: 'user', user, info };
  const fault = failures.find((failure) => isInfrastructureFault(failure));
  if (fault !== undefined) return { kind: 'fault', error: fault };
  return {
    kind: 'nobody',
    hasBadCredentials: failures.some(isBadCredentials),
    detail: detailOf(failures),
  };
}

function passedOutcome(error: unknown, req: ExpressLikeRequest, failures: readonly unknown[]): LoginOutcome {
  if (error !== null && error !== undefined) return { kind: 'fault', error };
  return { kind: 'passed', user: req.user, hasBadCredentials: failures.some(isBadCredentials) };
}

/** Tells a strategy that found wrong credentials from one that found none; in doubt they are wrong. */
function isBadCredentials(failure: unknown): boolean {
  if (failure === undefined || failure === null) return false;
  if (typeof failure === 'string') return failure.includes('error=');
  // passport-jwt, when there is no token.
  return !(failure instanceof Error && failure.message === 'No auth token');
}

const JWT_ERRORS: ReadonlySet<string> = new Set(['TokenExpiredError', 'JsonWebTokenError', 'NotBeforeError']);

/** Only messages that are known to hold no token: what an application's strategy says may repeat anything. */
function detailOf(failures: readonly unknown[]): string {
  for (const failure of failures) {
    if (!(failure instanceof Error)) continue;
    if (JWT_ERRORS.has(failure.name) || !isBadCredentials(failure)) return printable(failure.message);
  }
  return 'the strategy refused it';
}
