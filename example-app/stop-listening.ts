import type { Server } from 'node:http';
import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** So many turns of the event loop without a new connection: nothing waits in the kernel's queue any more. */
const QUIET_TURNS = 2;
/** Connections that come faster than they can be taken are cut off after so many turns. */
const MAX_TURNS = 1000;
/** How long a gateway that has just connected may take to send its request. */
const LAST_REQUESTS_MS = 100;

/**
 * Stops listening, and cuts nobody off who is connected already: closing resets what the kernel has accepted and Node
 * has not yet taken, and a gateway whose POST is cut cannot know whether it was done.
 *
 * @param noticeMs how long gateways have to notice that this process leaves, before it does; 0 = they need not.
 * @returns `ended`, which resolves with the last connection.
 */
export async function stopListening(server: Server, noticeMs: number): Promise<{ readonly ended: Promise<unknown> }> {
  if (noticeMs > 0) await setTimeout(noticeMs);
  await queueIsEmpty(server);
  const ended = once(server, 'close');
  server.close();
  await setTimeout(LAST_REQUESTS_MS);
  return { ended };
}

async function queueIsEmpty(server: Server): Promise<void> {
  let taken = 0;
  const count = (): void => void (taken += 1);
  server.on('connection', count);
  // What closing does to idle connections takes longer than all the rest: nobody should come meanwhile.
  server.closeIdleConnections();
  for (let turn = 0, quiet = 0; quiet < QUIET_TURNS && turn < MAX_TURNS; turn += 1) {
    const before = taken;
    // Node takes one connection a turn.
    await setImmediate();
    quiet = taken === before ? quiet + 1 : 0;
  }
  server.off('connection', count);
}
