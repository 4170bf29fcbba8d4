import type { Hub } from './hub';
import type { LiveSession } from './live-session';
import type { CloseSpec } from '../model/close-codes';

const BATCH_MS = 100;
/** Over how long v1 clients are told to come back. */
const RECONNECT_SPREAD_MS = 5000;
/** How long peers may take to answer the close frame before their sockets are terminated. */
const CLOSE_GRACE_MS = 2000;

/**
 * Ends all sessions: in batches spread over `drainMs`, so that not all clients come back at once, then terminates
 * those that do not answer.
 */
export async function drain(hub: Hub, drainMs: number, spec: CloseSpec): Promise<void> {
  await endInBatches([...hub.all()], drainMs, spec);
  const grace = cancellableWait(CLOSE_GRACE_MS);
  await Promise.race([hub.drained(), grace.over]);
  grace.cancel();
  for (const session of hub.all()) session.terminate('shutdown', spec.code);
  await hub.drained();
}

async function endInBatches(sessions: readonly LiveSession[], drainMs: number, spec: CloseSpec): Promise<void> {
  const batches = Math.max(1, Math.floor(drainMs / BATCH_MS));
  const size = Math.max(1, Math.ceil(sessions.length / batches));
  for (let from = 0; from < sessions.length; from += size) {
    if (from > 0) await cancellableWait(BATCH_MS).over;
    for (const session of sessions.slice(from, from + size)) {
      // The server chooses the moment: most clients forget their own jitter when they are told to restart.
      session.tell('$draining', { reconnectInMs: Math.round(Math.random() * RECONNECT_SPREAD_MS) });
      session.end('shutdown', spec.code, spec.reason);
    }
  }
}

function cancellableWait(ms: number): { readonly over: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { over, cancel: () => clearTimeout(timer) };
}
