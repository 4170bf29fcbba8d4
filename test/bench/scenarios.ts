import type { Flavour } from './load-socket';
import type { PeerName } from './peers/peer';
import { Worker } from './worker';

/** One peer with its clients, warmed up, that can be measured again and again. */
export class Rig {
  readonly name: PeerName;
  readonly server: Worker;
  readonly load: Worker;
  readonly #flavour: Flavour;
  #port = 0;
  #expected = 0;

  constructor(name: PeerName, flavour: Flavour = name === 'socket.io' ? 'socket.io' : 'plain') {
    this.name = name;
    this.#flavour = flavour;
    this.server = new Worker(`${__dirname}/peer-process.ts`, [name]);
    this.load = new Worker(`${__dirname}/load-process.ts`, []);
  }

  async start(): Promise<void> {
    this.#port = await this.server.call<number>('start');
  }

  async open(count: number, concurrency = 50): Promise<void> {
    await this.load.call('open', { port: this.#port, count, concurrency, flavour: this.#flavour, firstUser: 0 });
    this.#expected = await this.load.call<number>('received');
  }

  /** CPU microseconds of the server for one of `units`, while `work` runs. */
  async cpuPer(units: number, work: () => Promise<unknown>): Promise<number> {
    const before = await this.server.call<number>('cpu');
    await work();
    return ((await this.server.call<number>('cpu')) - before) / units;
  }

  /** Lets the server push, round by round; a round ends when the clients have its frames. */
  async pushed(rounds: number, framesPerRound: number, operation: string, argument: object): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      this.#expected += framesPerRound;
      await this.server.call(operation, argument);
      await this.load.call('reached', this.#expected);
    }
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.server.stop();
  }
}

/** What is measured: how a rig is prepared, and one pass. */
export interface Scenario {
  readonly title: string;
  readonly unit: string;
  readonly peers: readonly PeerName[];
  /** The other peer of the ratio; default: bare ws. */
  readonly against?: PeerName;
  /** Ratio of ours to `against` that is to be met by the upper end of its interval. */
  readonly goal?: number;
  readonly flavours?: Partial<Record<PeerName, Flavour>>;
  /** A fresh rig for each pass instead of one for all. */
  readonly isFresh?: boolean;
  prepare(rig: Rig): Promise<void>;
  pass(rig: Rig): Promise<number>;
}

/** About 170 bytes on the wire, as a notice or a chat line is. */
const CONTENT = { id: 1024, title: 'A notice for all', text: 'x'.repeat(70), at: 1_790_000_000_000 };
const SOCKETS = 1000;
const ECHO_SOCKETS = 200;
const IDLE_SOCKETS = 4000;
const CONNECTS = 500;
const ALL: readonly PeerName[] = ['ours', 'ws', 'express-ws', 'fastify', 'socket.io'];

const users: Scenario = {
  title: '1,000 user sends in a turn',
  unit: 'µs CPU / frame',
  peers: ['ours', 'ws', 'preframed', 'express-ws', 'fastify', 'socket.io'],
  goal: 0.9,
  prepare: (rig) => rig.open(SOCKETS),
  pass: (rig) => {
    const rounds = 20;
    const frames = SOCKETS * rounds;
    return rig.cpuPer(frames, () => rig.pushed(rounds, SOCKETS, 'users', { users: SOCKETS, content: CONTENT }));
  },
};

const broadcasts = (title: string, goal: number, burst: number, rounds: number): Scenario => ({
  title,
  unit: 'µs CPU / frame',
  peers: ['ours', 'ws', 'preframed', 'express-ws', 'fastify', 'socket.io'],
  goal,
  prepare: (rig) => rig.open(SOCKETS),
  pass: (rig) => {
    const frames = SOCKETS * burst * rounds;
    return rig.cpuPer(frames, () => rig.pushed(rounds, SOCKETS * burst, 'broadcast', { burst, content: CONTENT }));
  },
});

const echoes = (title: string, goal: number, inFlight: number, total: number): Scenario => ({
  title,
  unit: 'µs CPU / round trip',
  peers: ALL,
  goal,
  prepare: (rig) => rig.open(ECHO_SOCKETS),
  pass: (rig) => rig.cpuPer(total, () => rig.load.call('echo', { total, inFlight, text: echoText(rig.name) })),
});

function echoText(peer: PeerName): string {
  if (peer === 'socket.io') return `42${JSON.stringify(['echo', CONTENT])}`;
  return JSON.stringify({ type: 'echo', content: JSON.stringify(CONTENT) });
}

const connect: Scenario = {
  title: 'connect with a JWT',
  unit: 'µs CPU / connect',
  peers: ALL,
  goal: 1.15,
  prepare: (rig) => rig.open(CONNECTS),
  pass: async (rig) => {
    const perConnect = await rig.cpuPer(CONNECTS, () => rig.open(CONNECTS, 20));
    await rig.load.call('closeAll');
    return perConnect;
  },
};

const idle = (title: string, goal: number, read: (memory: { rss: number; heapUsed: number }) => number): Scenario => ({
  title,
  unit: 'KiB / idle socket',
  peers: ALL,
  goal,
  isFresh: true,
  prepare: (rig) => rig.open(200),
  pass: async (rig) => {
    const before = read(await rig.server.call('memory'));
    await rig.open(IDLE_SOCKETS);
    return (read(await rig.server.call('memory')) - before) / IDLE_SOCKETS / 1024;
  },
});

const request: Scenario = {
  title: 'request and reply',
  unit: 'µs CPU / round trip',
  peers: ['ours', 'socket.io'],
  against: 'socket.io',
  goal: 0.7,
  flavours: { ours: 'v1' },
  prepare: (rig) => rig.open(ECHO_SOCKETS),
  pass: (rig) => {
    const total = 8000;
    return rig.cpuPer(total, () => rig.load.call('echo', { total, inFlight: 1, text: askText(rig.name) }));
  },
};

function askText(peer: PeerName): string {
  if (peer === 'socket.io') return `421${JSON.stringify(['ask', CONTENT])}`;
  return JSON.stringify({ type: 'ask', id: 1, content: CONTENT });
}

/** All scenarios by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  fanout: broadcasts('broadcast to 1,000', 0.9, 1, 20),
  users,
  burst3: broadcasts('3 broadcasts in a turn to 1,000', 0.4, 3, 8),
  burst20: broadcasts('20 broadcasts in a turn to 1,000', 0.12, 20, 3),
  echo: echoes('echo, one in flight', 1.05, 1, 8000),
  echo20: echoes('echo, 20 pipelined', 0.6, 20, 20_000),
  request,
  connect,
  idleRss: idle('RSS, 4,000 idle', 0.9, ({ rss }) => rss),
  idleHeap: idle('heap, 4,000 idle', 0.9, ({ heapUsed }) => heapUsed),
};
