import type { IntervalHistogram } from 'node:perf_hooks';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PEERS } from './peers';
import type { Peer, PeerName } from './peers/peer';
import { serve } from './worker';
import { inTurns, nowUs, pause, turn } from './clock';

/** One peer in a process of its own, so that its CPU and memory are its alone. Started with the peer's name. */
const name = process.argv[2] as PeerName;
let peer: Peer | undefined;
let delay: IntervalHistogram | undefined;
let watch: NodeJS.Timeout | undefined;
let idleRss: number | undefined;
let peakRss = 0;

interface Flood {
  readonly users: number;
  readonly messages: number;
  readonly perTurn: number;
  readonly content: object;
}

function started(): Peer {
  if (peer === undefined) throw new Error('not started');
  return peer;
}

async function collected(): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    await turn();
  }
}

serve({
  start: async (port: number) => {
    peer = await PEERS[name](port);
    return peer.port;
  },
  /** CPU of this process so far, in microseconds. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  memory: async () => {
    await collected();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },
  /** Watches RSS from now on; what it was at the first call counts as that of the idle process. */
  watchMemory: async () => {
    await collected();
    idleRss ??= process.memoryUsage.rss();
    peakRss = 0;
    clearInterval(watch);
    watch = setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), 10);
  },
  /** By how much RSS was above that of the idle process at its highest, in bytes. */
  grownMemory: () => {
    clearInterval(watch);
    return peakRss - (idleRss ?? 0);
  },
  /** To all `burst` messages in each of some turns of the event loop. */
  broadcast: ({ rounds, burst, content }: { rounds: number; burst: number; content: object }) =>
    inTurns(rounds, () => {
      for (let message = 0; message < burst; message += 1) started().broadcast('news', content);
    }),
  /** One message to each user in each of some turns. */
  users: ({ rounds, users, content }: { rounds: number; users: number; content: object }) =>
    inTurns(rounds, () => {
      for (let user = 0; user < users; user += 1) started().toUser(user, 'news', content);
    }),
  /** `messages` to each of the first users, a few in a turn, with a pause after each turn. */
  flood: async ({ users, messages, perTurn, content }: Flood) => {
    for (let sent = 0; sent < users * messages; sent += 1) {
      started().toUser(sent % users, 'bulk', content);
      if (sent % perTurn === perTurn - 1) await pause(5);
    }
  },
  /** A broadcast that carries when it left, every so often. */
  broadcastAt: async ({ count, everyMs }: { count: number; everyMs: number }) => {
    for (let message = 0; message < count; message += 1) {
      started().broadcast('news', { at: nowUs() });
      await pause(everyMs);
    }
  },
  /** To each user in turn, `perSecond` each. */
  stream: async ({ users, perSecond, seconds }: { users: number; perSecond: number; seconds: number }) => {
    for (let round = 0; round < perSecond * seconds; round += 1) {
      for (let user = 0; user < users; user += 1) started().toUser(user, 'news', { at: nowUs() });
      await pause(1000 / perSecond);
    }
  },
  watchDelay: () => {
    delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
  },
  /** The longest delay of the event loop since `watchDelay`, in milliseconds. */
  maxDelay: () => (delay?.max ?? 0) / 1e6,
});
