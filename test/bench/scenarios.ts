import type { PeerName, SecretForm } from './peers/peer';
import type { Rig } from './rig';
import type { Scenario } from './scenario';
import { CLUSTER } from './cluster';
import { CONTENT } from './content';
import { DISTURBED } from './disturbed';
import { onRigs } from './one-process';
import { stages } from './stages';

const SOCKETS = 1000;
const ECHO_SOCKETS = 200;
/** Many, since RSS grows in steps. */
const IDLE = { base: 200, sockets: 6000 };
const CONNECTS = 500;
const ALL: readonly PeerName[] = ['ours', 'ws', 'express-ws', 'fastify', 'socket.io'];
const WITH_FLOOR: readonly PeerName[] = ['ours', 'ws', 'preframed', 'express-ws', 'fastify', 'socket.io'];

/** 1,000 pushes to single users, or some broadcasts to 1,000, in each of some turns of the event loop. */
const pushes = (title: string, goal: number, peers: readonly PeerName[], plan: Pushes): Scenario =>
  onRigs({
    title,
    peers,
    metrics: { cpu: { unit: 'µs CPU / frame', goal } },
    fleet: 'pushes',
    pairs: plan.pairs,
    prepare: (rig) => rig.open(SOCKETS),
    pass: async (rig) => {
      const { rounds, burst } = plan;
      const frames = SOCKETS * (burst ?? 1) * rounds;
      const push = () =>
        burst === undefined
          ? rig.pushed(frames, 'users', { rounds, users: SOCKETS, content: CONTENT })
          : rig.pushed(frames, 'broadcast', { rounds, burst, content: CONTENT });
      return { cpu: await rig.cpuPer(frames, push) };
    },
  });

interface Pushes {
  readonly pairs: number;
  readonly rounds: number;
  /** How many broadcasts go in a turn; absent = pushes to single users. */
  readonly burst?: number;
}

const echoes = (title: string, goal: number, inFlight: number, total: number): Scenario =>
  onRigs({
    title,
    peers: ALL,
    metrics: { cpu: { unit: 'µs CPU / round trip', goal } },
    fleet: 'echoes',
    pairs: 61,
    prepare: (rig) => rig.open(ECHO_SOCKETS),
    pass: (rig) => echoed(rig, { total, inFlight, texts: CONTENTS.map((content) => echoText(rig.name, content)) }),
  });

interface Echo {
  readonly total: number;
  readonly inFlight: number;
  readonly texts: readonly string[];
}

async function echoed(rig: Rig, argument: Echo) {
  return { cpu: await rig.cpuPer(argument.total, () => rig.load.call('echo', argument)) };
}

/** No two that follow each other are alike: what is alike might be written once. */
const CONTENTS = Array.from({ length: 97 }, (_, index) => ({ ...CONTENT, id: CONTENT.id + index }));

function echoText(peer: PeerName, content: object): string {
  if (peer === 'socket.io') return `42${JSON.stringify(['echo', content])}`;
  return JSON.stringify({ type: 'echo', content: JSON.stringify(content) });
}

const connects = (title: string, secret: SecretForm, pairs: number, goal?: number): Scenario =>
  onRigs({
    title,
    peers: ALL,
    metrics: { cpu: { unit: 'µs CPU / connect', ...(goal === undefined ? {} : { goal }) } },
    secret,
    pairs,
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
  title: '6,000 idle sockets',
  // A fresh start for each pass: more of them would take too long.
  peers: ['ours', 'ws'],
  metrics: {
    rss: { unit: 'KiB RSS / socket', goal: 0.9 },
    heap: { unit: 'KiB heap / socket', goal: 0.9 },
  },
  isFresh: true,
  prepare: warmUpConnects,
  pass: async (rig) => {
    await rig.open(IDLE.base);
    const before = await rig.server.call<Memory>('memory');
    await rig.open(IDLE.sockets - IDLE.base);
    const after = await rig.server.call<Memory>('memory');
    const perSocket = (bytes: number) => bytes / (IDLE.sockets - IDLE.base) / 1024;
    return { rss: perSocket(after.rss - before.rss), heap: perSocket(after.heapUsed - before.heapUsed) };
  },
});

/** So that no compiled code is counted as a socket's memory. */
async function warmUpConnects(rig: Rig): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await rig.open(IDLE.base);
    await rig.load.call('closeAll');
  }
}

const request = onRigs({
  title: 'request and reply',
  peers: ['ours', 'socket.io'],
  against: 'socket.io',
  metrics: { cpu: { unit: 'µs CPU / round trip', goal: 0.7 } },
  flavours: { ours: 'v1' },
  pairs: 25,
  prepare: (rig) => rig.open(ECHO_SOCKETS),
  pass: (rig) =>
    echoed(rig, { total: 8000, inFlight: 1, texts: CONTENTS.map((content) => askText(rig.name, content)) }),
});

function askText(peer: PeerName, content: object): string {
  if (peer === 'socket.io') return `421${JSON.stringify(['ask', content])}`;
  return JSON.stringify({ type: 'ask', id: 1, content });
}

/** All scenarios by name; `cluster` and the like name a group: see `scenariosOf`. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  fanout: pushes('broadcast to 1,000', 0.9, WITH_FLOOR, { burst: 1, rounds: 10, pairs: 61 }),
  users: pushes('1,000 user sends in a turn', 0.9, WITH_FLOOR, { rounds: 10, pairs: 61 }),
  burst3: pushes('3 broadcasts in a turn to 1,000', 0.4, ALL, { burst: 3, rounds: 5, pairs: 25 }),
  burst20: pushes('20 broadcasts in a turn to 1,000', 0.12, ALL, { burst: 20, rounds: 2, pairs: 15 }),
  echo: echoes('echo, one in flight', 1.05, 1, 8000),
  echo20: echoes('echo, 20 pipelined', 0.6, 20, 12_000),
  request,
  connect: connects('connect with a JWT, its secret a text', 'text', 25, 1.15),
  'connect-key': connects('connect with a JWT, its secret a KeyObject', 'key', 25),
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
