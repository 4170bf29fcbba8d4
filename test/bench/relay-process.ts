import type { Relay, RelayName, RelayOptions } from './relays/relay';
import { CONTENT } from './content';
import { nowUs, pause } from './clock';
import { serve } from './worker';
import { startByHand } from './relays/by-hand';
import { startOurs } from './relays/ours';
import { startSocketIo } from './relays/socket-io';

/** One node of a system on a broker, in a process of its own. Started with the system's name. */
const name = process.argv[2] as RelayName;
let relay: Relay | undefined;

const RELAYS: Readonly<Record<RelayName, (options: RelayOptions) => Promise<Relay>>> = {
  ours: startOurs,
  'socket.io': (options) => startSocketIo(options, false),
  'socket.io sharded': (options) => startSocketIo(options, true),
  'ws + ioredis': startByHand,
};

function started(): Relay {
  if (relay === undefined) throw new Error('not started');
  return relay;
}

serve({
  start: async (options: RelayOptions) => {
    relay = await RELAYS[name](options);
    return relay.port;
  },
  /** CPU of this process so far, in microseconds. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** To each user in one turn; resolves when the broker took them, where the system tells. */
  tick: async (users: number) => {
    const sends: unknown[] = [];
    for (let user = 0; user < users; user += 1) sends.push(started().toUser(user, CONTENT));
    await Promise.all(sends);
  },
  /**
   * One after the other, `perSecond`, each carrying when it left. Paced by the clock alone, for a system whose sends
   * tell when the broker took them must not be woken for that more often than one whose sends tell nothing.
   */
  alone: async ({ count, users, perSecond }: { count: number; users: number; perSecond: number }) => {
    const startedAt = nowUs();
    const sends: unknown[] = [];
    for (let message = 0; message < count; message += 1) {
      sends.push(started().toUser(message % users, { ...CONTENT, at: nowUs() }));
      const dueMs = ((message + 1) * 1000) / perSecond - (nowUs() - startedAt) / 1000;
      await pause(Math.max(1, dueMs));
    }
    await Promise.all(sends);
  },
});
