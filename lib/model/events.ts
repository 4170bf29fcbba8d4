import type { CloseWhy } from './close-why';
import type { Id } from './login-user';

/**
 * Everything that `onEvent` can be told, one row a name. No event carries a token, a message's content or a URL.
 * Text that a peer chose (a type, an origin) is cut and escaped by {@link printable}.
 */
export type RealtimeEvent =
  /** An upgrade request was refused; `hint` says in words which option decides. */
  | { readonly name: 'handshake.refused'; readonly status: number; readonly why: RefusedWhy; readonly hint: string }
  | { readonly name: 'session.opened'; readonly sessionId: string; readonly userId?: Id; readonly userType?: Id }
  | {
      readonly name: 'session.closed';
      readonly sessionId: string;
      readonly code: number;
      readonly why: CloseWhy;
      /** Frames that were queued and never written. */
      readonly discarded: number;
    }
  /** A message of a peer was refused; `code` is one of the wire's error codes. */
  | { readonly name: 'message.refused'; readonly sessionId: string; readonly code: string; readonly type?: string }
  /** A frame was dropped for a slow reader (`overflow: 'drop'`). Told once per slow spell. */
  | { readonly name: 'session.slow'; readonly sessionId: string; readonly policy: 'close' | 'drop' }
  | { readonly name: 'broker.up'; readonly broker: string }
  | { readonly name: 'broker.down'; readonly broker: string; readonly cause?: Error }
  /** A frame from another node was dropped. */
  | { readonly name: 'relay.dropped'; readonly why: RelayDroppedWhy; readonly node?: string }
  /** Frames of another node never came, or came too late. */
  | { readonly name: 'relay.gap'; readonly node: string; readonly missing: number }
  /** Another node's clock is more than 5 s off. Told once per node. */
  | { readonly name: 'relay.skew'; readonly node: string; readonly skewMs: number };

/** Why an upgrade request was refused. */
export type RefusedWhy =
  | 'not-found'
  | 'bad-request'
  | 'method'
  | 'version'
  | 'origin'
  | 'closing'
  | 'not-ready'
  | 'full'
  | 'pending-full'
  | 'rate'
  | 'address-full'
  | 'user-full'
  | 'two-tokens'
  | 'middleware'
  | 'unauthenticated'
  | 'revoked'
  | 'forbidden'
  | 'auth-error'
  | 'auth-timeout'
  | 'login-user'
  | 'gone';

/** Why a frame from another node was dropped. */
export type RelayDroppedWhy = 'malformed' | 'oversize' | 'version' | 'kind' | 'scope' | 'duplicate' | 'stale';

/** The hook that is told what happens; what it throws is reported as a warning and changes nothing. */
export type OnEvent = (event: RealtimeEvent) => void;

/** Makes a peer's text safe to log: at most `max` characters, control characters escaped, one line. */
export function printable(text: string, max = 64): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return JSON.stringify(cut).slice(1, -1).replaceAll('\u007f', '\\u007f');
}
