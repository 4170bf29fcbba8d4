import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

interface Told {
  readonly what: string;
  readonly text: string;
}

/** A node in a process of its own, to be killed, frozen, or to exit by itself. */
export class LoneNode {
  readonly #child: ChildProcess;
  readonly #told: Told[] = [];
  readonly #look = new Set<() => void>();
  readonly #exited: Promise<number | null>;

  /**
   * @param broker its kind.
   * @param options of its broker; only JSON.
   * @param env added to the environment, such as `HOME`.
   */
  constructor(
    broker: 'kafka' | 'rocketmq',
    options: object,
    place: { readonly name: string; readonly id: string },
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#child = fork(join(__dirname, 'broker-process.ts'), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...env },
    });
    nodes.add(this.#child);
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        nodes.delete(this.#child);
        resolve(code);
      });
    });
    this.#child.on('message', (told: Told) => {
      this.#told.push(told);
      for (const look of [...this.#look]) look();
    });
    this.#child.send({ broker, options, ...place });
  }

  /** Resolves when it has told this: `started`, `failed`, `up`, `down`, `heard`, `published`, `rejected`, `closed`. */
  async tells(what: string, text?: string): Promise<void> {
    const holds = (): boolean => this.#told.some((told) => told.what === what && (text ?? told.text) === told.text);
    if (holds()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#look.delete(look);
        resolve();
      };
      this.#look.add(look);
    });
  }

  publish(text: string): void {
    this.#child.send({ publish: text });
  }

  close(): void {
    this.#child.send({});
  }

  /** All that it heard, in order. */
  get heard(): string[] {
    return this.#told.filter(({ what }) => what === 'heard').map(({ text }) => text);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Resolves with its exit code once it has exited by itself. */
  exits(): Promise<number | null> {
    return this.#exited;
  }
}

const nodes = new Set<ChildProcess>();

/** For `afterEach`. */
export function killLoneNodes(): void {
  for (const child of nodes) child.kill('SIGKILL');
}
