import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** How one real server is started, and how one sees that it is up. */
export interface ServerPlan {
  /** Names the server in errors and its folder, such as `redis`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The data folder: kept over `restart`, deleted by `stop`. Make it with {@link tempFolder}. */
  readonly folder: string;
  /** One try of a protocol round trip; rejects when the server is not up yet. Bounded in time. */
  isReady(): Promise<void>;
  /** Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** The process that serves, where that is not the child itself (a launcher script). */
  servingPid?(): number | undefined;
  /** Default 10,000; afterwards SIGKILL. */
  readonly stopTimeoutMs?: number;
}

/**
 * A real server in a child process: `kill` is SIGKILL, `freeze` and `thaw` are SIGSTOP and SIGCONT, `restart` starts it
 * again on the same folder and ports. Whatever still runs when this process exits is killed.
 */
export class TestServer {
  readonly #plan: ServerPlan;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  private constructor(plan: ServerPlan) {
    this.#plan = plan;
  }

  /** Starts the server and waits until it is ready; rejects with the end of its output when it is not. */
  static async start(plan: ServerPlan): Promise<TestServer> {
    const server = new TestServer(plan);
    await server.restart();
    return server;
  }

  get folder(): string {
    return this.#plan.folder;
  }

  /** What the server wrote on stdout and stderr, over all its starts. */
  get output(): string {
    const file = this.#outputFile;
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get #outputFile(): string {
    return join(this.#plan.folder, 'output.log');
  }

  /** Starts it again on the same folder and ports, after `kill`; resolves when it is ready. */
  async restart(): Promise<void> {
    if (this.#child) throw new Error(`${this.#plan.name} runs already`);
    const output = openSync(this.#outputFile, 'a');
    const child = spawn(this.#plan.command, this.#plan.args, {
      cwd: this.#plan.folder,
      env: { ...process.env, ...this.#plan.env },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#child = child;
    killAtExit.add(this);
    this.#exited = new Promise((resolve) => {
      const handleEnd = (): void => {
        this.#child = undefined;
        killAtExit.delete(this);
        resolve();
      };
      child.once('exit', handleEnd);
      child.once('error', handleEnd);
    });
    await this.#untilReady();
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** SIGTERM, SIGKILL when that takes too long; then deletes the folder. Idempotent. */
  async stop(): Promise<void> {
    if (this.#child) {
      this.thaw();
      this.signal('SIGTERM');
      const timer = setTimeout(() => this.signal('SIGKILL'), this.#plan.stopTimeoutMs ?? 10_000);
      await this.#exited;
      clearTimeout(timer);
    }
    rmSync(this.#plan.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Sends a signal to the serving process; SIGKILL goes to its launcher too. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#plan.servingPid?.();
    if (pid !== undefined) sendSignal(pid, signal);
    if (pid === undefined || signal === 'SIGKILL') this.#child?.kill(signal);
  }

  async #untilReady(): Promise<void> {
    const { name, readyTimeoutMs = 30_000 } = this.#plan;
    const deadline = Date.now() + readyTimeoutMs;
    for (;;) {
      try {
        return await this.#plan.isReady();
      } catch (error) {
        if (this.#child && Date.now() < deadline) {
          await pause(50);
          continue;
        }
        const reason = this.#child ? `was not ready within ${readyTimeoutMs} ms` : 'ended while it started';
        if (this.#child) await this.kill();
        throw new Error(`${name} ${reason}:\n${this.output.slice(-4000)}`, { cause: error });
      }
    }
  }
}

const killAtExit = new Set<TestServer>();
process.on('exit', () => {
  for (const server of killAtExit) server.signal('SIGKILL');
});

/** A new folder of its own under the system's folder for temporary files. */
export function tempFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `realtime-${name}-`));
}

/** Writes a file of lines; returns its name, for a command line. */
export function writeLines(file: string, lines: readonly string[]): string {
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/**
 * A free port of 127.0.0.1 from below the kernel's range for outgoing connections: a client that keeps trying to
 * reach a killed server on a port of that range can end up connected to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (!givenPorts.has(port) && (await isFree(port))) {
      givenPorts.add(port);
      return port;
    }
  }
}

const givenPorts = new Set<number>();

/** Several free ports, none of them twice. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** The full path of a program on PATH (or in the system folders), or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/usr/bin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** What to say when a program is missing, or undefined when it is there. */
export function missingProgram(program: string, debianPackage: string): string | undefined {
  if (findProgram(program)) return undefined;
  return `${program} is not installed: run test/servers/install.sh, or apt-get install -y --no-install-recommends ${debianPackage}`;
}

/**
 * A suite that needs a real server. When it is missing the suite is skipped, with the reason in its title;
 * where the variable CI is set it fails instead.
 *
 * @param missing says what is missing and how to install it; undefined when everything is there.
 */
export function describeWithServer(
  title: string,
  missing: string | undefined,
  suite: (this: Mocha.Suite) => void,
): void {
  if (missing === undefined) {
    describe(title, suite);
    return;
  }
  if (!process.env['CI']) {
    describe(title, () => it(`skipped: ${missing}`));
    return;
  }
  describe(title, () => {
    it('has its server', () => {
      throw new Error(missing);
    });
  });
}

/**
 * One server for the whole run: started by the first caller, stopped after the last test of all files.
 * Call it while a test file or its helper is loaded, not inside a test.
 */
export function shareServer<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  if (typeof after === 'function') {
    after('stop the shared server', async function () {
      this.timeout(30_000);
      await (await started?.catch(() => undefined))?.stop();
    });
  }
  return () => (started ??= start());
}

/** Waits; only for polls of something outside this process. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
