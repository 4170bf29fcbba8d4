import type { Id } from './login-user';
import type { OutboundContent, OutboundType } from './messages';
import type { Receipt } from './receipt';
import type { RevocationInput, RevokeOptions } from './revocation';
import type { Target } from './target';

/** The close frame of {@link TenantSender.disconnect}; default 4403, "removed by the application". */
export interface DisconnectOptions {
  readonly code?: number;
  readonly reason?: string;
}

/**
 * Pushes messages to targets. A mistake in the call (target, type, content) throws at once, before anything is
 * written; a broker that does not take the message rejects with `ERR_REALTIME_BROKER`, after this process's own
 * sockets were served. A promise that nobody awaits never becomes an unhandled rejection.
 */
export interface TenantSender {
  /**
   * Pushes a message.
   *
   * @param content any JSON value; it is written once, however many sockets there are.
   * @throws RealtimeError `ERR_REALTIME_TARGET`, `ERR_REALTIME_TENANT`, `ERR_REALTIME_TYPE`, `ERR_REALTIME_CONTENT`.
   */
  send<Type extends OutboundType>(target: Target, type: Type, content: OutboundContent<Type>): Promise<Receipt>;
  /** Pushes content that is JSON text already; it is forwarded verbatim. Errors as {@link TenantSender.send}. */
  sendText(target: Target, type: OutboundType, jsonText: string): Promise<Receipt>;
  /**
   * Closes every session of a target, on all nodes.
   *
   * @returns a receipt whose `delivered` counts the sessions that were closed here.
   * @throws RealtimeError also `ERR_REALTIME_CLOSE_CODE`.
   */
  disconnect(target: Target, options?: DisconnectOptions): Promise<Receipt>;
  /**
   * Revokes tokens: closes the sessions that logged in with them at once (4401) on all nodes, and refuses them at each
   * later handshake (401) and renewal, until they are forgotten. A node that starts later learns of it from another one;
   * where there is none, nobody remembers.
   *
   * @returns a receipt whose `delivered` counts the sessions that were closed here; rejects with `ERR_REALTIME_BROKER`
   *   when the broker did not take it: this process applied it all the same, so do it again.
   * @throws RealtimeError `ERR_REALTIME_TARGET`, `ERR_REALTIME_TENANT`.
   */
  revoke(revocation: RevocationInput, options?: RevokeOptions): Promise<Receipt>;
  /** Counts the open sessions of a target in this process. */
  count(target: Target): Promise<number>;
  /** Tells whether a target has an open session in this process. */
  isOnline(target: Target): Promise<boolean>;
}

/** The plain sender: with `multiTenant` each call needs `tenantId` or `allTenants: true`. */
export interface Sender extends TenantSender {
  /**
   * Makes a sender that is bound to one tenant and can reach no other.
   *
   * @throws RealtimeError `ERR_REALTIME_TENANT` when the attach is not `multiTenant` or the id cannot be one.
   */
  forTenant(tenantId: Id): TenantSender;
}
