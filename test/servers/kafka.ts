import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FaultProxy } from './fault-proxy';
import { fetchJars, missingForJars, smallJvm } from './jars';
import { TestServer, freePorts, tempFolder } from './server';
import type { ServerPlan } from './server';

const pom = 'kafka-pom.xml';

/** What is missing to run Kafka here, and how to install it; undefined when everything is there. */
export const missingKafka = (): string | undefined => missingForJars(pom);

/** A real Kafka 4.4: broker and controller in one JVM. Topics are not made by themselves. */
export interface KafkaServer {
  readonly server: TestServer;
  /** `host:port`, without login. */
  readonly address: string;
  /** `host:port` of the listener that wants SASL PLAIN: user `realtime`, password `secret`. */
  readonly saslAddress: string;
  /** In front of a third listener: Kafka tells its clients that it is reached through the proxy. */
  readonly proxy: FaultProxy;
  stop(): Promise<void>;
}

/**
 * @param settings lines of server.properties that differ, such as the real `group.initial.rebalance.delay.ms`.
 */
export async function startKafka(settings: Readonly<Record<string, string | number>> = {}): Promise<KafkaServer> {
  const jars = join(await fetchJars(pom), '*');
  const [plain = 0, sasl = 0, controller = 0, behind = 0] = await freePorts(4);
  const proxy = await FaultProxy.start(behind);
  const folder = tempFolder('kafka');
  const file = join(folder, 'server.properties');
  writeFileSync(
    file,
    properties({ ...defaults(folder, { plain, sasl, controller, behind, proxy: proxy.port }), ...settings }),
  );
  const java = [...smallJvm, '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const uuid = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  await promisify(execFile)('java', [
    ...java,
    '-cp',
    jars,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    uuid,
    '-c',
    file,
  ]);
  const plan: ServerPlan = {
    name: 'kafka',
    command: 'java',
    args: [...java, '-Xms64m', '-Xmx256m', '-cp', jars, 'kafka.Kafka', file],
    folder,
    isReady: () => askApiVersions(plain),
    readyTimeoutMs: 150_000,
  };
  const server = await TestServer.start(plan).catch(async (error: unknown) => {
    await proxy.stop();
    throw error;
  });
  return {
    ...{ server, address: `127.0.0.1:${plain}`, saslAddress: `127.0.0.1:${sasl}`, proxy },
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}

function defaults(
  folder: string,
  {
    plain,
    sasl,
    controller,
    behind,
    proxy,
  }: Readonly<Record<'plain' | 'sasl' | 'controller' | 'behind' | 'proxy', number>>,
): Record<string, string | number> {
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${plain},LOGIN://127.0.0.1:${sasl},PROXIED://127.0.0.1:${behind},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${plain},LOGIN://127.0.0.1:${sasl},PROXIED://127.0.0.1:${proxy}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.name.login.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.login.plain.sasl.jaas.config': `${login} required user_realtime="secret";`,
    'log.dirs': join(folder, 'log'),
    'num.partitions': 1,
    'num.io.threads': 2,
    'num.network.threads': 1,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    // As installed 600 s: how often groups that are empty and hold no offsets are dropped.
    'offsets.retention.check.interval.ms': 2000,
    'group.min.session.timeout.ms': 1000,
    'group.initial.rebalance.delay.ms': 0,
    // As installed 9000: a restart after kill -9 then waits for the old registration, 11 to 13 s in all.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    // As installed 128 MB.
    'log.cleaner.dedupe.buffer.size': 4_194_304,
  };
}

function properties(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** One ApiVersions round trip (KIP-35): the port opens a little before the broker answers. */
function askApiVersions(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed')));
    socket.once('data', () => {
      resolve();
      socket.destroy();
    });
    socket.write(Buffer.from('0000000a0012000000000001' + '0000', 'hex'));
  });
}
