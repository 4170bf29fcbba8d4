import type { Hub } from './hub';
import type { LiveSession } from './live-session';
import type { LoginUser } from '../model/login-user';
import type { Report } from './report';
import type { Revocation } from '../model/revocation';
import type { Scope } from '../model/audience';
import { CloseCode } from '../model/close-codes';
import { RealtimeError } from '../model/errors';
import { tenantOf, userKey } from '../model/audience';

/** More than this are not remembered: whoever may publish on the broker must not fill the memory. About 25 MB. */
const MAX_REVOCATIONS = 100_000;
const PRUNE_EVERY_MS = 60_000;

/**
 * What is revoked: closes the sessions of this process, and is asked at each handshake and renewal. Every entry has an
 * end; of two for one user the stricter counts.
 */
export class Revocations {
  readonly #hub: Hub;
  readonly #report: Report;
  readonly #max: number;
  /** The oldest first. */
  readonly #entries = new Map<string, Revocation>();
  #prunedAtMs = 0;
  #hasToldFull = false;

  constructor(hub: Hub, report: Report, max = MAX_REVOCATIONS) {
    this.#hub = hub;
    this.#report = report;
    this.#max = max;
  }

  /** How many are held, ended ones among them. */
  get size(): number {
    return this.#entries.size;
  }

  /** Remembers revocations, and closes the sessions here that they are for. @returns how many were closed. */
  apply(revocations: readonly Revocation[]): number {
    for (const revocation of revocations) this.#remember(revocation);
    // A list of its own: closing may change the hub.
    const sessions = this.#candidates(revocations).filter(
      (session) => session.isOpen && session.loginUser !== null && this.isRevoked(session.loginUser),
    );
    for (const session of sessions) session.end('revoked', CloseCode.loginExpired, 'login revoked');
    return sessions.length;
  }

  /** Tells whether the token behind a login was revoked. */
  isRevoked(loginUser: LoginUser): boolean {
    if (this.#entries.size === 0) return false;
    return this.#isRevokedIn({ tenant: tenantOf(loginUser) }, loginUser) || this.#isRevokedIn('all', loginUser);
  }

  /** All that is remembered. */
  list(): Revocation[] {
    const now = Date.now();
    return [...this.#entries.values()].filter(({ untilMs }) => untilMs > now);
  }

  #isRevokedIn(scope: Scope, { id, userType, tokenId, issuedAtMs = -Infinity }: LoginUser): boolean {
    const byToken = tokenId === undefined ? undefined : this.#entries.get(tokenKey(scope, tokenId));
    if (byToken !== undefined && byToken.untilMs > Date.now()) return true;
    const byUser = this.#entries.get(userEntryKey(scope, String(userType), String(id)));
    if (byUser?.kind !== 'user' || byUser.untilMs <= Date.now()) return false;
    return issuedAtMs < byUser.issuedBeforeMs;
  }

  #remember(revocation: Revocation): void {
    this.#prune();
    const key = keyOf(revocation);
    const before = this.#entries.get(key);
    // Taken out first: the newest stands last.
    this.#entries.delete(key);
    this.#entries.set(key, before === undefined ? revocation : stricterOf(before, revocation));
    if (this.#entries.size > this.#max) this.#forgetOldest();
  }

  #prune(): void {
    const now = Date.now();
    if (now - this.#prunedAtMs < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = now;
    for (const [key, { untilMs }] of this.#entries) if (untilMs <= now) this.#entries.delete(key);
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
    if (this.#hasToldFull) return;
    this.#hasToldFull = true;
    const message = `more than ${this.#max} revocations are to be remembered: the oldest are forgotten before their end`;
    this.#report(new RealtimeError('ERR_REALTIME_REFUSED', message));
  }

  /** A user's sessions are known by key; a token's are found by looking at all, once for a whole list. */
  #candidates(revocations: readonly Revocation[]): LiveSession[] {
    const [first] = revocations;
    if (first === undefined) return [];
    if (revocations.length > 1 || first.kind === 'token') return [...this.#hub.all()];
    const { scope, userType, id } = first;
    return this.#hub.list({ scope, audience: { kind: 'user', userType, ids: [id] } });
  }
}

function stricterOf(before: Revocation, now: Revocation): Revocation {
  const untilMs = Math.max(before.untilMs, now.untilMs);
  if (before.kind !== 'user' || now.kind !== 'user') return { ...now, untilMs };
  return { ...now, untilMs, issuedBeforeMs: Math.max(before.issuedBeforeMs, now.issuedBeforeMs) };
}

function keyOf(revocation: Revocation): string {
  if (revocation.kind === 'token') return tokenKey(revocation.scope, revocation.tokenId);
  return userEntryKey(revocation.scope, revocation.userType, revocation.id);
}

function userEntryKey(scope: Scope, userType: string, id: string): string {
  return scope === 'all' ? `*${userKey('', userType, id)}` : userKey(scope.tenant, userType, id);
}

/** As audiences' keys are: what could be chosen to collide has its length in front. */
function tokenKey(scope: Scope, tokenId: string): string {
  return scope === 'all' ? `*k${tokenId}` : `k${scope.tenant.length}:${scope.tenant}${tokenId}`;
}
