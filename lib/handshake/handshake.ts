import type { IncomingMessage, Server } from 'node:http';
import type { LoginUser } from '../model/login-user';
import type { OnEvent } from '../model/events';
import type { OpenedSocket } from '../session/open-session';
import type { RenewLogin } from '../model/renewal';
import type { TicketStore } from '../model/tickets';

/** What the handshake asks of the sessions that are open. */
export interface SessionCounts {
  total(): number;
  ofUser(loginUser: LoginUser): number;
  /** Closes the oldest session of a user with 4409. */
  replaceOldest(loginUser: LoginUser): void;
}

/** A Connect-style middleware, as Express, passport and their friends are. */
export type Middleware = (
  req: IncomingMessage & Record<string, unknown>,
  res: never,
  next: (err?: unknown) => void,
) => unknown;

/** Decides who a request is, for an application without Passport. `null` or `undefined` refuses with 401. */
export type Authenticate = (
  req: IncomingMessage,
) => LoginUserLike | null | undefined | Promise<LoginUserLike | null | undefined>;

type LoginUserLike = object;

/** The part of a Passport instance that is used here. */
export interface PassportLike {
  authenticate(strategy: never, options: object, callback: (...args: never[]) => unknown): unknown;
}

/** Where a token may stand, in the order in which it is looked for. */
export type TokenCarrier = 'header' | 'protocol' | 'query';

/** All that the handshake needs, resolved: `attach` builds it of RealtimeOptions. */
export interface HandshakeSettings {
  readonly path: string;
  /** The Express app, when one is known: gives `req` and `res` its prototypes and settings. */
  readonly app: object | undefined;
  readonly passport: PassportLike | undefined;
  /** A name, names, or a Strategy. */
  readonly strategy: unknown;
  readonly authenticate: Authenticate | undefined;
  readonly toLoginUser: ((user: unknown, req: IncomingMessage, info: unknown) => unknown) | undefined;
  readonly multiTenant: boolean;
  readonly middleware: readonly Middleware[];
  /** `'same'`: same host or no Origin at all; `'any'`: every origin; else the allow-list (exact origins). */
  readonly origins: 'same' | 'any' | readonly string[];
  readonly anonymous: boolean;
  readonly authTimeoutMs: number;
  readonly tokenFrom: readonly TokenCarrier[];
  /** The store behind `?ticket=`; without one that parameter means nothing. */
  readonly tickets: TicketStore | undefined;
  /** 0 = no limit, here and below. */
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  readonly maxSessionsPerUserPolicy: 'refuse' | 'replace';
  readonly maxSessionsPerAddress: number;
  readonly maxPendingUpgrades: number;
  /** Above it upgrades get 503; a burst of one second's worth is let through. Absent or 0 = no limit. */
  readonly maxUpgradesPerSecond?: number;
  readonly maxPayloadBytes: number;
  /** Subprotocols that this server speaks, best first; a client that offers none speaks plain. */
  readonly protocols: readonly string[];
}

/** What the handshake calls. */
export interface HandshakeHooks {
  readonly sessions: SessionCounts;
  /** Upgrades are refused with 503 while it says false; default: always served. */
  readonly isServing?: () => boolean;
  /** Tells whether a login was revoked; default: none was. Asked last, right before the WebSocket is made. */
  readonly isRevoked?: (loginUser: LoginUser) => boolean;
  /** Called synchronously when a WebSocket was made; never throws. */
  onAdmitted(admitted: OpenedSocket): void;
  readonly onEvent: OnEvent;
  /** A fault of the application (its middleware, strategy, toLoginUser threw). */
  onError(error: Error): void;
}

/** The door of one path on one server. */
export interface Handshake {
  /** Runs the login once more, with a new token for an open session. Never rejects. */
  readonly renewLogin: RenewLogin;
  /** Refuses every upgrade with 503 from now on, those too whose login is under way. */
  refuseNew(): void;
  /** Takes the path off the server; other paths and listeners stay as they were. Idempotent. */
  close(): void;
}

/** Opens the door: registers the path with the server's one dispatcher. */
export type OpenHandshake = (server: Server, settings: HandshakeSettings, hooks: HandshakeHooks) => Handshake;
