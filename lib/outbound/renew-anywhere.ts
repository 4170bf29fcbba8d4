import type { ClusterLink } from '../cluster/link';
import type { EndRenewal, RenewalResult, RenewEnd } from '../model/renewal';
import type { Hub } from '../session/hub';
import type { Revocations } from '../session/revocations';
import { renewEnd } from '../session/renew-end';

/** What a renewal by HTTP stands on. */
export interface RenewalParts {
  readonly hub: Hub;
  readonly link: ClusterLink;
  readonly revocations: Revocations;
}

/** Makes the function that renews a session's end, here or on the node that the session's id names. */
export function renewerOf({ hub, link, revocations }: RenewalParts): RenewEnd {
  return async (loginUser, renewal: EndRenewal): Promise<RenewalResult> => {
    if (revocations.isRevoked(loginUser)) return 'revoked';
    if (renewEnd(hub, revocations, renewal)) return 'renewed';
    const sending = link.publishRenewal(renewal);
    if (sending === undefined) return 'unknown';
    await sending;
    return 'sent';
  };
}
