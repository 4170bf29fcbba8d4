import type { PeerName } from './peers/peer';
import type { Rig } from './rig';
import type { Scenario } from './scenario';
import { CLUSTER } from './cluster';
import { CONTENT } from './content';
import { DISTURBED } from './disturbed';
import { onRigs } from './one-process';
import { stages } from './stages';

const SOCKETS = 1000;
const ECHO_SOCKETS = 200;
const IDLE_SOCKETS = 4000;
const IDLE_BASE = 200;
const CONNECTS = 500;
const ALL: readonly PeerName[] = ['ours', 'ws', 'express-ws', 'fastify', 'socket.io'];
const WITH_FLOOR: readonly PeerName[] = ['ours', 'ws', 'preframed', 'express-ws', 'fastify', 'socket.io'];

const users = onRigs({
  title: '1,000 user sends in a turn',
  peers: WITH_FLOOR,
  metrics: { cpu: { unit: 'µs CPU / frame', goal: 0.9 } },
  prepare: (rig) => rig.open(SOCKETS),
  pass: async (rig) => {
    const rounds = 30;
    const push = () => rig.pushed(rounds, SOCKETS, 'users', { users: SOCKETS, content: CONTENT });
    return { cpu: await rig.cpuPer(SOCKETS * rounds, push) };
  },
});

const broadcasts = (title: string, goal: number, burst: number, rounds: number, peers: readonly PeerName[]): Scenario =>
  onRigs({
    title,
    peers,
    metrics: { cpu: { unit: 'µs CPU / frame', goal } },
    prepare: (rig) => rig.open(SOCKETS),
    pass: async (rig) => {
      const push = () => rig.pushed(rounds, SOCKETS * burst, 'broadcast', { burst, content: CONTENT });
      return { cpu: await rig.cpuPer(SOCKETS * burst * rounds, push) };
    },
  });

const echoes = (title: string, goal: number, inFlight: number, total: number): Scenario =>
  onRigs({
    title,
    peers: ALL,
    metrics: { cpu: { unit: 'µs CPU / round trip', goal } },
    prepare: (rig) => rig.open(ECHO_SOCKETS),
    pass: (rig) => echoed(rig, { total, inFlight, text: echoText(rig.name) }),
  });

async function echoed(
  rig: Rig,
  argument: { readonly total: number; readonly inFlight: number; readonly text: string },
) {
  return { cpu: await rig.cpuPer(argument.total, () => rig.load.call('echo', argument)) };
}

function echoText(peer: PeerName): string {
  if (peer === 'socket.io') return `42${JSON.stringify(['echo', CONTENT])}`;
  return JSON.stringify({ type: 'echo', content: JSON.stringify(CONTENT) });
}

const connect = onRigs({
  title: 'connect with a JWT',
  peers: ALL,
  metrics: { cpu: { unit: 'µs CPU / connect', goal: 1.15 } },
  prepare: (rig) => rig.open(CONNECTS),
  pass: async (rig) => {
    const cpu = await rig.cpuPer(CONNECTS, () => rig.open(CONNECTS, 20));
    await rig.load.call('closeAll');
    return { cpu };
  },
});

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
}

const idle = onRigs({
  title: '4,000 idle sockets',
  // A fresh start for each pass: more of them would take too long.
  peers: ['ours', 'ws'],
  metrics: {
    rss: { unit: 'KiB RSS / socket', goal: 0.9 },
    heap: { unit: 'KiB heap / socket', goal: 0.9 },
  },
  isFresh: true,
  prepare: warmUpConnects,
  pass: async (rig) => {
    await rig.open(IDLE_BASE);
    const before = await rig.server.call<Memory>('memory');
    await rig.open(IDLE_SOCKETS - IDLE_BASE);
    const after = await rig.server.call<Memory>('memory');
    const perSocket = (bytes: number) => bytes / (IDLE_SOCKETS - IDLE_BASE) / 1024;
    return { rss: perSocket(after.rss - before.rss), heap: perSocket(after.heapUsed - before.heapUsed) };
  },
});

/** So that no compiled code is counted as a socket's memory. */
async function warmUpConnects(rig: Rig): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await rig.open(IDLE_BASE);
    await rig.load.call('closeAll');
  }
}

const request = onRigs({
  title: 'request and reply',
  peers: ['ours', 'socket.io'],
  against: 'socket.io',
  metrics: { cpu: { unit: 'µs CPU / round trip', goal: 0.7 } },
  flavours: { ours: 'v1' },
  prepare: (rig) => rig.open(ECHO_SOCKETS),
  pass: (rig) => echoed(rig, { total: 8000, inFlight: 1, text: askText(rig.name) }),
});

function askText(peer: PeerName): string {
  if (peer === 'socket.io') return `421${JSON.stringify(['ask', CONTENT])}`;
  return JSON.stringify({ type: 'ask', id: 1, content: CONTENT });
}

/** All scenarios by name; `cluster` and the like name a group: see `scenariosOf`. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  fanout: broadcasts('broadcast to 1,000', 0.9, 1, 30, WITH_FLOOR),
  users,
  burst3: broadcasts('3 broadcasts in a turn to 1,000', 0.4, 3, 16, ALL),
  burst20: broadcasts('20 broadcasts in a turn to 1,000', 0.12, 20, 6, ALL),
  echo: echoes('echo, one in flight', 1.05, 1, 8000),
  echo20: echoes('echo, 20 pipelined', 0.6, 20, 20_000),
  request,
  connect,
  stages,
  idle,
  ...CLUSTER,
  ...DISTURBED,
};

/**
 * The scenarios that a name on the command line means: itself, and those that begin with it and a hyphen. Without
 * names all but the extra ones.
 */
export function scenariosOf(names: readonly string[]): [string, Scenario][] {
  const all = Object.entries(SCENARIOS);
  if (names.length === 0) return all.filter(([, { isExtra }]) => isExtra !== true);
  return names.flatMap((wanted) => {
    const found = all.filter(([name]) => name === wanted || name.startsWith(`${wanted}-`));
    if (found.length === 0) throw new Error(`no scenario ${wanted}; there are ${Object.keys(SCENARIOS).join(', ')}`);
    return found;
  });
}
