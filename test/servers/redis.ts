import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { TestServer, freePort, missingProgram, pause, tempFolder, writeLines } from './server';
import type { TlsFiles } from './tls';

/** What is missing to run Redis here, and how to install it; undefined when everything is there. */
export const missingRedis = (): string | undefined => missingProgram('redis-server', 'redis-server');

/** How a Redis is to differ from an empty one without password. */
export interface RedisServerOptions {
  /** Lines of an ACL file, such as `user default off`. */
  readonly users?: readonly string[];
  /** Serves TLS only. */
  readonly tls?: TlsFiles;
  /** More command line arguments. */
  readonly args?: readonly string[];
  /** Starts as a Sentinel with this configuration. */
  readonly sentinel?: readonly string[];
}

/** A real Redis without persistence. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly server: TestServer;
  /** A client with all rights; the caller closes it. */
  connect(): Redis;
  stop(): Promise<void>;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const folder = tempFolder('redis');
  const args = [...listening(port, options.tls), '--dir', folder, '--daemonize', 'no', '--loglevel', 'warning'];
  if (options.users) args.push('--aclfile', writeLines(join(folder, 'users.acl'), options.users));
  args.push(...['--save', '', '--appendonly', 'no'], ...(options.args ?? []));
  if (options.sentinel) {
    const configuration = writeLines(join(folder, 'sentinel.conf'), options.sentinel);
    args.splice(
      0,
      args.length,
      configuration,
      '--sentinel',
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
    );
  }
  const server = await TestServer.start({
    ...{ name: 'redis', command: 'redis-server', args, folder },
    isReady: () => (options.tls ? canConnect(port) : answersPing(port)),
  });
  return {
    ...{ port, server, url: `${options.tls ? 'rediss' : 'redis'}://127.0.0.1:${port}` },
    connect: () => new Redis({ port, host: '127.0.0.1', lazyConnect: true }),
    stop: () => server.stop(),
  };
}

function listening(port: number, tls: TlsFiles | undefined): string[] {
  const address = ['--bind', '127.0.0.1'];
  if (!tls) return ['--port', String(port), ...address];
  const files = ['--tls-cert-file', tls.certFile, '--tls-key-file', tls.keyFile, '--tls-ca-cert-file', tls.caFile];
  return ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files, ...address];
}

/** A master, a replica of it and one Sentinel that is enough for a failover. */
export interface RedisSentinel {
  readonly sentinelPort: number;
  readonly masterName: string;
  readonly first: RedisServer;
  readonly second: RedisServer;
  /** Makes the replica the master; resolves when the Sentinel says so. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisSentinel(): Promise<RedisSentinel> {
  const first = await startRedis();
  const second = await startRedis({ args: ['--replicaof', '127.0.0.1', String(first.port)] });
  const sentinel = await startRedis({
    sentinel: [
      `sentinel monitor shop 127.0.0.1 ${first.port} 1`,
      'sentinel down-after-milliseconds shop 1000',
      'sentinel failover-timeout shop 3000',
    ],
  });
  const client = new Redis({ port: sentinel.port, host: '127.0.0.1' });
  const masterPort = async (): Promise<number> => {
    const address = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'shop');
    return Array.isArray(address) ? Number(address[1]) : 0;
  };
  await until(async () => ((await client.call('SENTINEL', 'REPLICAS', 'shop')) as unknown[]).length === 1);
  return {
    ...{ sentinelPort: sentinel.port, masterName: 'shop', first, second },
    async failover() {
      await until(async () => (await client.call('SENTINEL', 'FAILOVER', 'shop').catch(() => 'not yet')) === 'OK');
      await until(async () => (await masterPort()) === second.port);
    },
    async stop() {
      client.disconnect();
      await Promise.all([sentinel, second, first].map((each) => each.stop()));
    },
  };
}

/** Three masters that share the slots. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

export async function startRedisCluster(options: { readonly users?: readonly string[] } = {}): Promise<RedisCluster> {
  const nodes = await Promise.all([0, 1, 2].map(() => startClusterNode(options)));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'pipe' });
  await Promise.all(nodes.map((node) => untilClusterIsUp(node)));
  return {
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startClusterNode(options: { readonly users?: readonly string[] }): Promise<RedisServer> {
  const busPort = await freePort();
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-port', String(busPort)];
  return startRedis({ ...options, args });
}

async function untilClusterIsUp(node: RedisServer): Promise<void> {
  const client = node.connect();
  try {
    await client.connect();
    await until(async () => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  } finally {
    client.disconnect();
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error('waited 20 s in vain');
    await pause(50);
  }
}

function answersPing(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    // A server with users answers -NOAUTH, one that loads its data -LOADING.
    socket.once('data', (bytes) => {
      socket.destroy();
      if (/^(\+PONG|-NOAUTH)/.test(bytes.toString())) resolve();
      else reject(new Error(bytes.toString()));
    });
  });
}

function canConnect(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
