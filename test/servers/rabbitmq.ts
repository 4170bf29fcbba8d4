import { execFile, execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as amqp from 'amqplib';
import { TestServer, freePorts, missingProgram, tempFolder, writeLines } from './server';
import { makeTlsFiles, missingTls } from './tls';
import type { TlsFiles } from './tls';

/** What is missing to run RabbitMQ here, and how to install it; undefined when everything is there. */
export const missingRabbitmq = (): string | undefined => missingProgram('rabbitmq-server', 'rabbitmq-server');

/** A real RabbitMQ with the user guest / guest. */
export interface RabbitmqServer {
  readonly port: number;
  readonly url: string;
  /** The same server over TLS; undefined where certificates cannot be made. */
  readonly tls: { readonly url: string; readonly ca: Buffer } | undefined;
  readonly server: TestServer;
  /** Runs rabbitmqctl, about a second a call; gives its output without headings. */
  control(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startRabbitmq(): Promise<RabbitmqServer> {
  const [port = 0, distributionPort = 0, epmdPort = 0, tlsPort = 0] = await freePorts(4);
  const epmd = await startEpmd(epmdPort);
  const folder = tempFolder('rabbitmq');
  const env = environment({ folder, port, distributionPort, epmdPort });
  const files = missingTls() === undefined ? makeTlsFiles() : undefined;
  writeLines(join(folder, 'rabbitmq.conf'), [
    ...(files ? tlsLines(tlsPort, files) : []),
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'loopback_users = none',
    'num_acceptors.tcp = 2',
    'vm_memory_high_watermark.absolute = 512MiB',
    'disk_free_limit.absolute = 50MB',
    'log.console = false',
    'log.file.level = warning',
  ]);
  writeLines(join(folder, 'enabled_plugins'), ['[].']);
  writeLines(join(folder, 'empty.env'), []);
  const url = `amqp://127.0.0.1:${port}`;
  const pidFile = join(folder, 'pid');
  const server = await TestServer.start({
    ...{ name: 'rabbitmq', command: innerScript(), args: [], env, folder, readyTimeoutMs: 120_000 },
    isReady: () => servesQueues(url),
    // The launcher is a shell script; it writes the file before it becomes the server's parent.
    servingPid: () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) || undefined : undefined),
  });
  const control = join(dirname(innerScript()), 'rabbitmqctl');
  return {
    ...{ port, url, server, tls: files && { url: `amqps://127.0.0.1:${tlsPort}`, ca: files.ca } },
    control: async (...args) =>
      (await run(control, ['-q', ...args], { env: { ...process.env, ...env } })).stdout.trim(),
    async stop() {
      await server.stop();
      await epmd.stop();
      if (files) rmSync(files.folder, { recursive: true });
    },
  };
}

function tlsLines(port: number, files: TlsFiles): string[] {
  return [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.cacertfile = ${files.caFile}`,
    `ssl_options.certfile = ${files.certFile}`,
    `ssl_options.keyfile = ${files.keyFile}`,
    'ssl_options.verify = verify_none',
    'num_acceptors.ssl = 2',
  ];
}

const run = promisify(execFile);

/** The wrapper on PATH changes the user; the inner script takes its settings from the environment alone. */
function innerScript(): string {
  const files = execFileSync('dpkg', ['-L', 'rabbitmq-server'], { encoding: 'utf8' }).split('\n');
  const script = files.find((file) => file.endsWith('lib/rabbitmq/bin/rabbitmq-server'));
  if (script === undefined) throw new Error('the package rabbitmq-server holds no lib/rabbitmq/bin/rabbitmq-server');
  return script;
}

/** Otherwise the server starts one that outlives it. */
function startEpmd(port: number): Promise<TestServer> {
  const args = ['-port', String(port), '-address', '127.0.0.1'];
  return TestServer.start({
    ...{ name: 'epmd', command: 'epmd', args, folder: tempFolder('epmd') },
    isReady: () =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
  });
}

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly distributionPort: number;
  readonly epmdPort: number;
}

function environment({ folder, port, distributionPort, epmdPort }: Place): Record<string, string> {
  return {
    HOME: folder,
    RABBITMQ_NODENAME: `rt${port}@localhost`,
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'empty.env'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}',
  };
}

/** A connection alone succeeds before queues can be declared. */
async function servesQueues(url: string): Promise<void> {
  const connection = await amqp.connect(url, { timeout: 1000 });
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await channel.assertQueue('', { exclusive: true });
  } finally {
    await connection.close().catch(() => {});
  }
}
