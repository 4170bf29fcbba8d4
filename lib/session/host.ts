import type { ExpiryClock } from './expiry';
import type { Hub } from './hub';
import type { LiveSession } from './live-session';
import type { SessionHome } from './session-home';

/** What all sessions of one attach share, whole: as the heart, the drain and the composition root see it. */
export interface SessionHost extends SessionHome<LiveSession> {
  readonly hub: Hub;
  readonly expiry: ExpiryClock;
}
