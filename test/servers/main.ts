import { provisionRocketmq } from '../../lib/cluster/brokers/rocketmq-provision';
import { missingKafka, startKafka } from './kafka';
import { KafkaTopics } from './kafka-topics';
import { missingRabbitmq, startRabbitmq } from './rabbitmq';
import { missingRedis, startRedis } from './redis';
import { missingRocketmq, startRocketmq } from './rocketmq';

/**
 * `npm run brokers`: starts Redis, RabbitMQ, Kafka and RocketMQ for a developer, says how to reach them, and ends them at
 * Ctrl-C. `npm run brokers -- redis kafka` starts some of them. Topics and slots are there for the application that
 * `NAME` names, by default `shop`.
 */
interface Running {
  /** For `brokerFromUrl`. */
  readonly url: string;
  stop(): Promise<void>;
}

const name = process.env['NAME'] ?? 'shop';

const servers: Readonly<
  Record<string, { readonly missing: () => string | undefined; readonly start: () => Promise<Running> }>
> = {
  redis: {
    missing: missingRedis,
    async start() {
      const redis = await startRedis();
      return { url: redis.url, stop: () => redis.stop() };
    },
  },
  rabbitmq: {
    missing: missingRabbitmq,
    async start() {
      const rabbitmq = await startRabbitmq();
      return { url: rabbitmq.url, stop: () => rabbitmq.stop() };
    },
  },
  kafka: {
    missing: missingKafka,
    async start() {
      const kafka = await startKafka();
      const topics = await KafkaTopics.on(kafka);
      await topics.create(`${name}-realtime`);
      await topics.close();
      return { url: `kafka://${kafka.address}`, stop: () => kafka.stop() };
    },
  },
  rocketmq: {
    missing: missingRocketmq,
    async start() {
      const { endpoints, brokerAddress, stop } = await startRocketmq();
      await provisionRocketmq(['--broker', brokerAddress, '--name', name, '--slots', '0-9'], () => {});
      return { url: `rocketmq://${endpoints}?slot=0`, stop };
    },
  },
};

async function main(wanted: readonly string[]): Promise<void> {
  const running: Running[] = [];
  const end = async (): Promise<void> => {
    say('ending them');
    await Promise.all(running.splice(0).map((server) => server.stop()));
    process.exit();
  };
  // In the foreground Ctrl-C also goes to the servers themselves; what is left of them is ended here.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());
  for (const kind of wanted.length > 0 ? wanted : Object.keys(servers)) {
    const server = servers[kind];
    if (!server) throw new Error(`no server ${kind}; there are ${Object.keys(servers).join(', ')}`);
    const missing = server.missing();
    if (missing !== undefined) {
      say(`${kind.padEnd(9)} ${missing}`);
      continue;
    }
    const started = await server.start();
    running.push(started);
    say(`${kind.padEnd(9)} BROKER='${started.url}'`);
  }
  say(running.length > 0 ? 'Ctrl-C ends them.' : 'Nothing to run.');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
