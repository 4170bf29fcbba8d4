import type { OutboundCheck } from '../model/outbound-check';
import type { OnEvent } from '../model/events';
import type { CloseInfo, Inbox, Session } from './session';
import type { Flusher } from './outbox';
import type { LoginUser } from '../model/login-user';
import type { TenantSender } from '../model/sender';

/** The limits of a session's way out. */
export interface SessionLimits {
  /** How many bytes may wait for one socket. */
  readonly maxBufferedBytes: number;
  /** What happens above that: the session is closed (4408), or the frame is dropped. */
  readonly overflow: 'close' | 'drop';
}

/** What a session asks of the place where it lives; shared by all of one attach, so that none of it is kept per socket. */
export interface SessionHome<Live> {
  readonly nodeId: string;
  readonly hub: {
    join(session: Live, room: string): void;
    leave(session: Live, room: string): void;
    remove(session: Live): void;
  };
  readonly expiry: { add(session: Live): void; remove(session: Live): void };
  readonly flusher: Flusher;
  readonly limits: SessionLimits;
  /** How often a v1 client should send a text `ping`; the length of a beat. */
  readonly pingIntervalMs: number;
  /** The current beat of the heart; a session notes it at each sign of life. */
  beat: number;
  /** Checks content against the contract, where there is one. */
  readonly checkOutbound: OutboundCheck;
  openInbox(session: Live): Inbox;
  senderFor(session: Live): TenantSender;
  /** The application's hook, already guarded: never throws. */
  handleClosed(session: Session<LoginUser | null>, info: CloseInfo): void;
  readonly onEvent: OnEvent;
}
