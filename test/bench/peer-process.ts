import { PEERS } from './peers';
import type { Peer, PeerName } from './peers/peer';
import { serve } from './worker';

/** One peer in a process of its own, so that its CPU and memory are its alone. Started with the peer's name. */
const name = process.argv[2] as PeerName;
let peer: Peer | undefined;

function started(): Peer {
  if (peer === undefined) throw new Error('not started');
  return peer;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

serve({
  start: async () => {
    peer = await PEERS[name]();
    return peer.port;
  },
  /** CPU of this process so far, in microseconds. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  memory: async () => {
    for (let round = 0; round < 4; round += 1) {
      globalThis.gc?.();
      await turn();
    }
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },
  /** To all `burst` messages in one turn of the event loop. */
  broadcast: ({ burst, content }: { burst: number; content: object }) => {
    for (let message = 0; message < burst; message += 1) started().broadcast('news', content);
  },
  users: ({ users, content }: { users: number; content: object }) => {
    for (let user = 0; user < users; user += 1) started().toUser(user, 'news', content);
  },
});
