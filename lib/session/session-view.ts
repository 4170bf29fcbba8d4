import type { Addressed } from '../model/audience';
import type { Hub } from './hub';
import type { LoginUser } from '../model/login-user';
import type { Session } from './session';
import type { Target } from '../model/target';
import { CloseCode } from '../model/close-codes';
import { parseTarget } from '../model/target';
import { tenantOf } from '../model/audience';

/** The sessions of this process, for reading. Errors as {@link parseTarget}. */
export interface SessionView {
  /** One session by id, or `undefined`. */
  get(sessionId: string): Session<LoginUser | null> | undefined;
  /** The sessions of a target; all, guests included, when none is given. */
  list(target?: Target): Session<LoginUser | null>[];
  /** How many sessions a target has; all, guests included, when none is given. */
  count(target?: Target): number;
}

/** The public face of a hub; its methods are bound. */
export function viewOf(hub: Hub, multiTenant: boolean): SessionView {
  const list = (target?: Target): Session<LoginUser | null>[] =>
    target === undefined ? [...hub.all()] : hub.list(parseTarget(target, { multiTenant }));
  return {
    get: (sessionId) => hub.get(sessionId),
    list,
    count: (target) => (target === undefined ? hub.size : list(target).length),
  };
}

/** What the handshake asks of the hub to keep its limits. */
export function sessionCounts(hub: Hub): {
  total(): number;
  ofUser(loginUser: LoginUser): number;
  replaceOldest(loginUser: LoginUser): void;
} {
  const ofUser = (loginUser: LoginUser) => hub.list(addressOf(loginUser)).filter((session) => session.isOpen);
  return {
    total: () => hub.size,
    ofUser: (loginUser) => ofUser(loginUser).length,
    replaceOldest: (loginUser) =>
      ofUser(loginUser)[0]?.end('replaced', CloseCode.replaced, 'replaced by a newer session'),
  };
}

function addressOf(loginUser: LoginUser): Addressed {
  return {
    scope: { tenant: tenantOf(loginUser) },
    audience: { kind: 'user', userType: String(loginUser.userType), ids: [String(loginUser.id)] },
  };
}
