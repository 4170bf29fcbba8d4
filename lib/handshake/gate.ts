import type { Acceptor } from './acceptor';
import type { Admission } from './admission';
import type { Authenticator } from './authenticator';
import type { ExpressRequests } from './express-requests';
import type { HandshakeHooks, HandshakeSettings } from './handshake';
import type { CheckOrigin } from './origin';
import type { Refusal } from './refuse';
import type { UpgradeQueue } from './upgrade-queue';

/** An upgrade whose login is still under way. */
export interface Undecided {
  /** Refuses it now. */
  end(refusal: Refusal): void;
}

/** What all upgrades of one door share. */
export interface Gate {
  readonly settings: HandshakeSettings;
  readonly hooks: HandshakeHooks;
  readonly express: ExpressRequests | undefined;
  readonly admission: Admission;
  readonly acceptor: Acceptor;
  readonly checkOrigin: CheckOrigin;
  readonly authenticate: Authenticator;
  readonly queue: UpgradeQueue;
  /** Those that were not decided at once. */
  readonly undecided: Set<Undecided>;
}
