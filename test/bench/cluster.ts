import type { BrokerName } from './brokers';
import type { Flavour } from './load-socket';
import type { RelayName } from './relays/relay';
import type { Metric, Running, Scenario } from './scenario';
import { missingBroker, startBroker } from './brokers';
import { nowUs } from './clock';
import { Worker } from './worker';

const USERS = 1000;
const TICKS = 6;
const LANES = 100;
/** The requests are measured as the difference of two loads: one round of each would drown in the noise. */
const HTTP_ROUNDS = 2;
const PER_SECOND = 500;
const ALONE = 500;
/** Servers run for days: what the compiler spends on the first thousands of frames is no cost of a frame. */
const WARM_UP = { ticks: 4, requests: 2, alone: 3000 };
const NODE = `${__dirname}/relay-process.ts`;

const METRICS = {
  tick: { unit: 'µs CPU / frame, 1,000 in a tick', goal: 0.25 },
  http: { unit: 'µs CPU / frame, 1,000 HTTP requests, less the requests', goal: 0.35 },
  whole: { unit: 'the same with the requests' },
  alone: { unit: 'µs CPU / frame, one at a time', goal: 0.7 },
  rate: { unit: 'frames / s, in a tick', isMoreBetter: true, digits: 0 },
  p50: { unit: 'ms p50 at 500 / s' },
  p99: { unit: 'ms p99 at 500 / s', goal: 1 },
} satisfies Record<string, Metric>;

/** Two nodes of one system on a broker: A pushes, B holds all the sockets. */
class Pair {
  readonly #a: Worker;
  readonly #b: Worker;
  readonly #load = new Worker(`${__dirname}/load-process.ts`, []);
  readonly #flavour: Flavour;
  #httpPort = 0;
  #expected = 0;

  constructor(name: RelayName) {
    this.#flavour = name.startsWith('socket.io') ? 'socket.io' : 'plain';
    this.#a = new Worker(NODE, [name]);
    this.#b = new Worker(NODE, [name]);
  }

  async start(name: string, url: (slot: number) => string): Promise<void> {
    const [aPort, bPort] = await Promise.all([
      this.#a.call<number>('start', { name, url: url(0) }),
      this.#b.call<number>('start', { name, url: url(1) }),
    ]);
    this.#httpPort = aPort;
    const flavour = this.#flavour;
    await this.#load.call('open', { port: bPort, count: USERS, concurrency: 50, flavour, firstUser: 0 });
    this.#expected = await this.#load.call<number>('received');
    for (let time = 0; time < WARM_UP.ticks; time += 1) await this.#tick();
    for (let round = 0; round < WARM_UP.requests; round += 1) await this.#push();
    await this.#alone(WARM_UP.alone, WARM_UP.alone);
  }

  /** All loads, one after the other. */
  async pass(): Promise<Record<keyof typeof METRICS, number>> {
    const startedAt = nowUs();
    const tick = await this.#cpuPer(USERS * TICKS, () => this.#tick());
    const rate = (USERS * TICKS * 1e6) / (nowUs() - startedAt);
    let [nothing, whole] = [0, 0];
    for (let round = 0; round < HTTP_ROUNDS; round += 1) {
      nothing += (await this.#cpuPer(USERS, () => this.#request('/nothing/'))) / HTTP_ROUNDS;
      whole += (await this.#cpuPer(USERS, () => this.#push())) / HTTP_ROUNDS;
    }
    await this.#load.call('time');
    const alone = await this.#cpuPer(ALONE, () => this.#alone(ALONE, PER_SECOND));
    const { p50, p99 } = await this.#load.call<{ p50: number; p99: number }>('latency');
    return { tick, http: whole - nothing, whole, alone, rate, p50, p99 };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#load, this.#a, this.#b].map((worker) => worker.stop()));
  }

  /** Each waits for the one before: a socket that gets two frames at once would get them in one write. */
  async #tick(): Promise<void> {
    for (let tick = 0; tick < TICKS; tick += 1) await this.#arrived(USERS, () => this.#a.call('tick', USERS));
  }

  #push(): Promise<void> {
    return this.#arrived(USERS, () => this.#request('/push/'));
  }

  #request(path: string): Promise<unknown> {
    return this.#load.call('requests', { port: this.#httpPort, path, count: USERS, concurrency: LANES });
  }

  #alone(count: number, perSecond: number): Promise<void> {
    return this.#arrived(count, () => this.#a.call('alone', { count, users: USERS, perSecond }));
  }

  async #arrived(frames: number, push: () => Promise<unknown>): Promise<void> {
    this.#expected += frames;
    await push();
    await this.#load.call('reached', this.#expected);
  }

  /** CPU microseconds of both nodes for one of `units`, while `work` runs. */
  async #cpuPer(units: number, work: () => Promise<unknown>): Promise<number> {
    const cpu = async () => (await this.#a.call<number>('cpu')) + (await this.#b.call<number>('cpu'));
    const before = await cpu();
    await work();
    return ((await cpu()) - before) / units;
  }
}

function relayed(title: string, broker: BrokerName, more: Partial<Scenario> = {}): Scenario {
  return {
    title,
    peers: ['ours'],
    metrics: METRICS,
    pairs: 5,
    isExtra: true,
    missing: () => missingBroker(broker),
    ...more,
    open: (peer) => openPair(peer as RelayName, broker),
  };
}

async function openPair(peer: RelayName, brokerName: BrokerName): Promise<Running> {
  const broker = await startBroker(brokerName);
  const name = `bench-${peer.replaceAll(/\W+/g, '-')}-${process.pid}`;
  await broker.prepare(name);
  const pair = new Pair(peer);
  try {
    await pair.start(name, (slot) => broker.url(slot));
  } catch (error) {
    await pair.stop();
    throw error;
  }
  return pair;
}

/** A frame from node A to a socket of node B. */
export const CLUSTER: Readonly<Record<string, Scenario>> = {
  'cluster-redis': relayed('a frame relayed over Redis', 'redis', {
    peers: ['ours', 'socket.io', 'socket.io sharded', 'ws + ioredis'],
    against: 'socket.io',
    pairs: 15,
    isExtra: false,
  }),
  'cluster-rabbitmq': relayed('a frame relayed over RabbitMQ', 'rabbitmq'),
  'cluster-kafka': relayed('a frame relayed over Kafka', 'kafka'),
  'cluster-rocketmq': relayed('a frame relayed over RocketMQ', 'rocketmq'),
};
