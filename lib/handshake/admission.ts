import type { WebSocket } from 'ws';
import type { LoginUser } from '../model/login-user';
import type { HandshakeSettings, SessionCounts } from './handshake';
import type { Refusal } from './refuse';

/** The limits of a door. 0 = no limit. */
export type AdmissionLimits = Pick<
  HandshakeSettings,
  | 'maxSessions'
  | 'maxSessionsPerUser'
  | 'maxSessionsPerUserPolicy'
  | 'maxSessionsPerAddress'
  | 'maxPendingUpgrades'
  | 'maxUpgradesPerSecond'
>;

/** The attach goes away: for upgrades that come, and for those whose login is under way. */
export const CLOSING: Refusal = { status: 503, why: 'closing', hint: 'the attach is closing' };
const NOT_READY: Refusal = { status: 503, why: 'not-ready', hint: 'startPolicy waits for the broker' };
const FULL: Refusal = { status: 503, why: 'full', hint: 'maxSessions are open' };
const PENDING_FULL: Refusal = { status: 503, why: 'pending-full', hint: 'maxPendingUpgrades are being authenticated' };
const TOO_FAST: Refusal = { status: 503, why: 'rate', hint: 'more than maxUpgradesPerSecond arrived' };
const ADDRESS_FULL: Refusal = { status: 429, why: 'address-full', hint: 'maxSessionsPerAddress are open from there' };
const USER_FULL: Refusal = { status: 429, why: 'user-full', hint: 'maxSessionsPerUser are open' };

/** Counts upgrades on their way and sessions by address, and holds them to the limits. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #sessions: SessionCounts;
  readonly #isServing: () => boolean;
  /** Upgrades on their way and open sessions, by address. */
  readonly #addresses = new Map<string, number>();
  readonly #addressOf = new WeakMap<WebSocket, string>();
  /** One listener for all sockets: `this` is the socket that closed. */
  readonly #handleClose: (this: WebSocket) => void;
  #pending = 0;
  #tokens: number;
  #refilledAt = 0;
  #isClosing = false;

  constructor(limits: AdmissionLimits, sessions: SessionCounts, isServing: () => boolean = () => true) {
    this.#limits = limits;
    this.#sessions = sessions;
    this.#isServing = isServing;
    this.#tokens = limits.maxUpgradesPerSecond ?? 0;
    const release = (ws: WebSocket): void => this.#releaseAddress(this.#addressOf.get(ws));
    this.#handleClose = function (this: WebSocket) {
      release(this);
    };
  }

  refuseNew(): void {
    this.#isClosing = true;
  }

  get hasAddressLimit(): boolean {
    return this.#limits.maxSessionsPerAddress > 0;
  }

  /** The checks that cost nothing: closing, not ready, and full. */
  check(): Refusal | undefined {
    if (this.#isClosing) return CLOSING;
    if (!this.#isServing()) return NOT_READY;
    const { maxSessions } = this.#limits;
    return maxSessions > 0 && this.#sessions.total() >= maxSessions ? FULL : undefined;
  }

  /**
   * Takes a place among the upgrades on their way; {@link leave} gives it back.
   *
   * @param address whose place it is; `undefined` where addresses are not counted.
   */
  enter(address: string | undefined): Refusal | undefined {
    const { maxPendingUpgrades, maxSessionsPerAddress } = this.#limits;
    if (maxPendingUpgrades > 0 && this.#pending >= maxPendingUpgrades) return PENDING_FULL;
    if (address !== undefined && (this.#addresses.get(address) ?? 0) >= maxSessionsPerAddress) return ADDRESS_FULL;
    if (!this.#takeToken()) return TOO_FAST;
    this.#pending += 1;
    if (address !== undefined) this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
    return undefined;
  }

  /** Ends what {@link enter} began. With a `ws` the address keeps its place until that closes. */
  leave(address: string | undefined, ws: WebSocket | undefined): void {
    this.#pending -= 1;
    if (address === undefined) return;
    if (ws === undefined || ws.readyState === ws.CLOSED) {
      this.#releaseAddress(address);
      return;
    }
    this.#addressOf.set(ws, address);
    ws.on('close', this.#handleClose);
  }

  /** The checks right before a session is made; the first ones again, since time has passed. */
  checkLogin(loginUser: LoginUser | null): Refusal | undefined {
    const refusal = this.check();
    if (refusal !== undefined || this.#limits.maxSessionsPerUserPolicy === 'replace') return refusal;
    return this.#excessOf(loginUser) > 0 ? USER_FULL : undefined;
  }

  /** Closes the user's oldest sessions until one more may open, under the policy `replace`. */
  makeRoom(loginUser: LoginUser | null): void {
    if (loginUser === null || this.#limits.maxSessionsPerUserPolicy !== 'replace') return;
    for (let excess = this.#excessOf(loginUser); excess > 0; excess -= 1) this.#sessions.replaceOldest(loginUser);
  }

  /** How many of the user's sessions are too many for one more to open. Guests are not counted. */
  #excessOf(loginUser: LoginUser | null): number {
    const { maxSessionsPerUser } = this.#limits;
    if (loginUser === null || maxSessionsPerUser === 0) return 0;
    return this.#sessions.ofUser(loginUser) - maxSessionsPerUser + 1;
  }

  #releaseAddress(address: string | undefined): void {
    if (address === undefined) return;
    const count = this.#addresses.get(address) ?? 0;
    if (count > 1) this.#addresses.set(address, count - 1);
    else this.#addresses.delete(address);
  }

  /** A bucket that holds one second's worth and is refilled as time goes by. */
  #takeToken(): boolean {
    const rate = this.#limits.maxUpgradesPerSecond ?? 0;
    if (rate === 0) return true;
    const now = performance.now();
    this.#tokens = Math.min(rate, this.#tokens + ((now - this.#refilledAt) / 1000) * rate);
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
