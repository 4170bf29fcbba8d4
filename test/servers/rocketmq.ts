import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { RocketmqAdmin } from '../../lib/cluster/brokers/rocketmq-admin';
import { callRocketmq } from '../../lib/cluster/brokers/rocketmq-remoting';
import { FaultProxy } from './fault-proxy';
import { startHttpTunnel } from './http-tunnel';
import { fetchJars, missingForJars, smallJvm } from './jars';
import { TestServer, freePorts, tempFolder } from './server';

const pom = 'rocketmq-pom.xml';

/** What is missing to run RocketMQ here, and how to install it; undefined when everything is there. */
export const missingRocketmq = (): string | undefined => missingForJars(pom);

/** A real RocketMQ 5.5: a name server, and broker and proxy in one JVM (LOCAL mode). */
export interface RocketmqServer {
  /** Broker and proxy. */
  readonly server: TestServer;
  /** The proxy, for clients. */
  readonly endpoints: string;
  /** The broker, for {@link RocketmqAdmin}. */
  readonly brokerAddress: string;
  readonly admin: RocketmqAdmin;
  /**
   * In front of an HTTP proxy for gRPC: RocketMQ sends its clients to its own address, whatever they came by. Used by
   * what starts while `process.env.grpc_proxy` is `http://127.0.0.1:<port of this>`.
   */
  readonly proxy: FaultProxy;
  stop(): Promise<void>;
}

/** Starts both JVMs, one after the other, for the broker wants the name server. */
export async function startRocketmq(): Promise<RocketmqServer> {
  const jars = join(await fetchJars(pom), '*');
  const [namesrv = 0, broker = 0, grpc = 0, remoting = 0, ha = 0] = await freePorts(5);
  const ports: Ports = { namesrv, broker, grpc, remoting, ha };
  const names = await startNameServer(jars, ports);
  const server = await startBroker(jars, ports).catch(async (error: unknown) => {
    await names.stop();
    throw error;
  });
  const tunnel = await startHttpTunnel();
  const proxy = await FaultProxy.start(tunnel.port);
  const brokerAddress = `127.0.0.1:${broker}`;
  return {
    ...{ server, brokerAddress, endpoints: `127.0.0.1:${grpc}`, admin: new RocketmqAdmin(brokerAddress), proxy },
    stop: async () => {
      await proxy.stop();
      tunnel.stop();
      await Promise.all([server.stop(), names.stop()]);
    },
  };
}

interface Ports {
  readonly namesrv: number;
  /** The broker takes a second port, the one two below. */
  readonly broker: number;
  readonly grpc: number;
  readonly remoting: number;
  readonly ha: number;
}

function startNameServer(jars: string, { namesrv }: Ports): Promise<TestServer> {
  const folder = tempFolder('rocketmq-names');
  const file = join(folder, 'names.conf');
  writeFileSync(file, `listenPort=${namesrv}\nbindAddress=127.0.0.1\n`);
  return TestServer.start({
    name: 'rocketmq name server',
    command: 'java',
    args: [
      ...[...smallJvm, `-Duser.home=${folder}`, '-Xms32m', '-Xmx128m', '-cp', jars],
      ...['org.apache.rocketmq.namesrv.NamesrvStartup', '-c', file],
    ],
    env: { ROCKETMQ_HOME: folder },
    folder,
    isReady: () => canConnect(namesrv),
    readyTimeoutMs: 150_000,
    stopTimeoutMs: 10,
  });
}

function startBroker(jars: string, ports: Ports): Promise<TestServer> {
  const folder = tempFolder('rocketmq');
  mkdirSync(join(folder, 'store'));
  const [brokerFile, proxyFile] = [join(folder, 'broker.conf'), join(folder, 'proxy.json')];
  writeFileSync(brokerFile, brokerConf(folder, ports));
  writeFileSync(proxyFile, proxyConf(ports));
  return TestServer.start({
    name: 'rocketmq',
    command: 'java',
    args: [
      ...[...smallJvm, `-Duser.home=${folder}`, '-Xms128m', '-Xmx512m', '-XX:MaxDirectMemorySize=256m'],
      ...['-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99', '-cp', jars],
      ...['org.apache.rocketmq.proxy.ProxyStartup', '-pm', 'local', '-pc', proxyFile, '-bc', brokerFile],
      ...['-n', `127.0.0.1:${ports.namesrv}`],
    ],
    env: { ROCKETMQ_HOME: folder, RMQ_PROXY_HOME: folder },
    folder,
    isReady: () => isRegistered(ports),
    readyTimeoutMs: 150_000,
    // SIGTERM takes this broker 8 to 15 s, and its data is thrown away.
    stopTimeoutMs: 10,
  });
}

function brokerConf(folder: string, { broker, ha, namesrv }: Ports): string {
  const store = join(folder, 'store');
  const settings = {
    brokerClusterName: 'DefaultCluster',
    brokerName: 'broker-a',
    brokerId: 0,
    // LOCAL mode hands this address to the clients.
    brokerIP1: '127.0.0.1',
    brokerIP2: '127.0.0.1',
    bindAddress: '127.0.0.1',
    listenPort: broker,
    haListenPort: ha,
    namesrvAddr: `127.0.0.1:${namesrv}`,
    storePathRootDir: store,
    storePathCommitLog: join(store, 'commitlog'),
    mappedFileSizeCommitLog: 67_108_864,
    mappedFileSizeConsumeQueue: 60_000,
    maxIndexNum: 4000,
    maxHashSlotNum: 1000,
    diskMaxUsedSpaceRatio: 95,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function proxyConf({ grpc, remoting, namesrv }: Ports): string {
  return JSON.stringify({
    rocketMQClusterName: 'DefaultCluster',
    namesrvAddr: `127.0.0.1:${namesrv}`,
    proxyMode: 'LOCAL',
    grpcServerPort: grpc,
    remotingListenPort: remoting,
    localServeAddr: '127.0.0.1',
  });
}

/**
 * The proxy asks the name server for topics, which the broker by itself tells only 10 s after its start: until then
 * every topic is unknown. A change of its permission makes it tell at once.
 */
async function isRegistered({ namesrv, broker, grpc }: Ports): Promise<void> {
  await canConnect(grpc);
  const [updateConfig, clusterInfo] = [25, 106];
  const timeoutMs = 2000;
  await callRocketmq(`127.0.0.1:${broker}`, {
    code: updateConfig,
    body: Buffer.from('brokerPermission=6\n'),
    timeoutMs,
  });
  const { body } = await callRocketmq(`127.0.0.1:${namesrv}`, { code: clusterInfo, timeoutMs });
  if (!body.includes(`127.0.0.1:${broker}`)) throw new Error('not registered yet');
}

function canConnect(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
