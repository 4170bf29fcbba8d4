import { missingKafka, startKafka } from '../servers/kafka';
import { KafkaTopics } from '../servers/kafka-topics';
import { missingRabbitmq, startRabbitmq } from '../servers/rabbitmq';
import { missingRedis, startRedis } from '../servers/redis';
import { missingRocketmq, startRocketmq } from '../servers/rocketmq';

export type BrokerName = 'redis' | 'rabbitmq' | 'kafka' | 'rocketmq';

/** A real broker for the bench, as the tests start it. */
export interface BenchBroker {
  /** For `brokerFromUrl`; the slot is what RocketMQ wants of each node. */
  url(slot: number): string;
  /** Makes what an application of that name needs: topics, groups. */
  prepare(name: string): Promise<void>;
  /** What nodes of that application left there; undefined where that is by design. */
  leftovers(name: string): Promise<number | undefined>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const SLOTS = [0, 1];
let current: { readonly name: BrokerName; readonly broker: Promise<BenchBroker> } | undefined;

/** One broker at a time: starts it, or gives the one that runs. */
export async function startBroker(name: BrokerName): Promise<BenchBroker> {
  if (current?.name !== name) {
    await stopBroker();
    current = { name, broker: STARTS[name]() };
  }
  return current.broker;
}

export async function stopBroker(): Promise<void> {
  const stopping = current;
  current = undefined;
  await (await stopping?.broker.catch(() => undefined))?.stop();
}

/** What this machine lacks to run a broker; undefined when everything is there. */
export function missingBroker(name: BrokerName): string | undefined {
  if (name === 'redis') return missingRedis();
  if (name === 'rabbitmq') return missingRabbitmq();
  if (name === 'kafka') return missingKafka();
  return missingRocketmq();
}

const STARTS: Readonly<Record<BrokerName, () => Promise<BenchBroker>>> = { redis, rabbitmq, kafka, rocketmq };

async function redis(): Promise<BenchBroker> {
  const { server, url, connect } = await startRedis();
  return {
    ...faultsOf(server),
    url: () => url,
    prepare: async () => undefined,
    leftovers: async (name) => {
      const client = connect();
      try {
        await client.connect();
        return ((await client.pubsub('CHANNELS', `*${name}*`)) as string[]).length;
      } finally {
        client.disconnect();
      }
    },
    stop: () => server.stop(),
  };
}

async function rabbitmq(): Promise<BenchBroker> {
  const started = await startRabbitmq();
  return {
    ...faultsOf(started.server),
    url: () => started.url,
    prepare: async () => undefined,
    leftovers: async () => (await started.control('list_queues', 'name')).split('\n').filter(Boolean).length,
    stop: () => started.stop(),
  };
}

async function kafka(): Promise<BenchBroker> {
  const started = await startKafka();
  let topics: KafkaTopics | undefined = await KafkaTopics.on(started);
  const administrator = async () => (topics ??= await KafkaTopics.on(started));
  return {
    ...faultsOf(started.server),
    url: () => `kafka://${started.address}`,
    prepare: async (name) => (await administrator()).create(`${name}-realtime`),
    leftovers: async (name) => (await (await administrator()).groupsOf(`${name}-realtime`)).length,
    stop: async () => {
      await topics?.close().catch(() => undefined);
      topics = undefined;
      await started.stop();
    },
  };
}

async function rocketmq(): Promise<BenchBroker> {
  const started = await startRocketmq();
  return {
    ...faultsOf(started.server),
    url: (slot) => `rocketmq://${started.endpoints}?slot=${slot}`,
    prepare: async (name) => {
      const topic = { topic: `${name}-realtime` };
      await started.admin.createTopic(topic);
      for (const slot of SLOTS) await started.admin.createGroup(`${name}-realtime-${slot}`, topic);
    },
    // One group a slot, provisioned by the operator.
    leftovers: async () => undefined,
    stop: () => started.stop(),
  };
}

interface Faulty {
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

function faultsOf(server: Faulty): Faulty {
  return {
    kill: () => server.kill(),
    restart: () => server.restart(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
  };
}
