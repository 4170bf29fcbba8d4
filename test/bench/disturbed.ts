import { execFileSync } from 'node:child_process';
import type { PeerName } from './peers/peer';
import type { Rig } from './rig';
import type { Scenario } from './scenario';
import { nowUs } from './clock';
import { onRigs } from './one-process';

const PEERS: readonly PeerName[] = ['ours', 'ws'];
/**
 * The kernel takes some 4 MB for a socket that is not read, in a hurry; what comes on top is for the process to bear, and
 * is sent while the others are measured.
 */
const SLOW = { sockets: 5000, stalled: 100, bytes: 64 * 1024, probes: 10, everyMs: 150 };
const FILL = { messages: 64, perTurn: 80 };
const OVERFLOW = { messages: 24, perTurn: 10 };
const STORM = { clients: Math.min(10_000, openFileLimit() - 500), share: 0.99, spreadMs: 1000 };
const JITTER = { clients: 200, everyMs: 2000, awayMs: 200, perSecond: 10, seconds: 1.5 };
const MIB = 1024 * 1024;

/** Percentiles of what the load timed, in milliseconds. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
}

const slow = onRigs({
  title: `${SLOW.stalled} of ${SLOW.sockets} clients stop reading, each is sent 5.5 MB; the others get broadcasts`,
  peers: PEERS,
  metrics: {
    p99: { unit: 'p99 of the others, ms' },
    times: { unit: '× their p99 before', limit: 2 },
    // 100 × `maxBufferedBytes`, and what the process needs besides.
    rss: { unit: 'MiB above the idle process at the peak of RSS', limit: SLOW.stalled + 50, digits: 0 },
  },
  warmUps: 0,
  prepare: (rig) => rig.open(SLOW.sockets),
  pass: async (rig) => {
    const before = await probed(rig);
    await rig.server.call('watchMemory');
    await rig.load.call('stall', SLOW.stalled);
    const { stalled, bytes } = SLOW;
    const content = { text: 'x'.repeat(bytes) };
    await rig.server.call('flood', { users: stalled, content, ...FILL });
    const flood = rig.server.call('flood', { users: stalled, content, ...OVERFLOW });
    const during = await probed(rig);
    await flood;
    const grown = await rig.server.call<number>('grownMemory');
    await rig.load.call('replaceStalled', stalled);
    return { p99: during.p99, times: during.p99 / before.p99, rss: grown / MIB };
  },
});

async function probed(rig: Rig): Promise<Latency> {
  await rig.load.call('time');
  await rig.server.call('broadcastAt', { count: SLOW.probes, everyMs: SLOW.everyMs });
  await rig.load.call('timed', (SLOW.sockets - SLOW.stalled) * SLOW.probes);
  return rig.load.call<Latency>('latency');
}

const storm = onRigs({
  title: `${STORM.clients} clients come back after a restart, at random within ${STORM.spreadMs / 1000} s`,
  peers: PEERS,
  metrics: {
    seconds: { unit: 's to 99 % back' },
    delay: { unit: 'ms longest event-loop delay', digits: 0 },
    cpu: { unit: 'µs CPU / connect', digits: 0 },
  },
  warmUps: 0,
  prepare: (rig) => rig.open(STORM.clients, 100),
  pass: async (rig) => {
    await rig.load.call('keepConnected', { spreadMs: STORM.spreadMs });
    await rig.restart();
    const startedAt = nowUs();
    await rig.server.call('watchDelay');
    const cpuBefore = await rig.server.call<number>('cpu');
    await rig.load.call('connected', Math.ceil(STORM.clients * STORM.share));
    const seconds = (nowUs() - startedAt) / 1e6;
    await rig.load.call('connected', STORM.clients);
    const cpu = ((await rig.server.call<number>('cpu')) - cpuBefore) / STORM.clients;
    return { seconds, delay: await rig.server.call<number>('maxDelay'), cpu };
  },
});

const jitter = onRigs({
  title: `${JITTER.clients} clients drop every ${JITTER.everyMs / 1000} s for ${JITTER.awayMs} ms while messages flow`,
  peers: PEERS,
  metrics: { share: { unit: '% delivered', isMoreBetter: true, digits: 1 } },
  warmUps: 0,
  prepare: (rig) => rig.open(JITTER.clients),
  pass: async (rig) => {
    const { clients, perSecond, seconds, everyMs, awayMs } = JITTER;
    await rig.load.call('time');
    await rig.load.call('dropNowAndThen', { everyMs, awayMs });
    await rig.server.call('stream', { users: clients, perSecond, seconds });
    await rig.load.call('stopDropping', clients);
    const got = await rig.load.call<number>('timedCount');
    return { share: (100 * got) / (clients * perSecond * seconds) };
  },
});

/** Every client takes one in its own process and one in the server's. */
function openFileLimit(): number {
  return Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || Infinity;
}

/** What happens to those who stall, restart or drop. */
export const DISTURBED: Readonly<Record<string, Scenario>> = { slow, storm, jitter };
