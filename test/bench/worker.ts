import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** The operations of a process of the bench, by name. */
export type Operations = Readonly<Record<string, (argument: never) => unknown>>;

interface Call {
  readonly id: number;
  readonly operation: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process of the bench, seen from the one that measures. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #calls = 0;

  /**
   * @param file the module that calls {@link serve}.
   * @param args what it finds in `process.argv`.
   * @param env added to the environment.
   */
  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(file, [...args], {
      execArgv: ['--expose-gc', '--import', 'tsx'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
    });
    this.#child.on('message', (answer: Answer) => this.#settle(answer));
    this.#child.on('exit', (code) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${args.join(' ')} ended with ${String(code)}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Runs an operation over there. The caller says what comes back: both ends are ours. */
  call<Result>(operation: string, argument: unknown = null): Promise<Result> {
    this.#calls += 1;
    const id = this.#calls;
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, operation, argument } satisfies Call);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #settle({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

/** Answers the calls of the process that measures. */
export function serve(operations: Operations): void {
  process.on('message', ({ id, operation, argument }: Call) => {
    void answer(operations, operation, argument).then((rest) => process.send?.({ id, ...rest } satisfies Answer));
  });
  process.on('disconnect', () => process.exit(0));
}

async function answer(operations: Operations, operation: string, argument: unknown): Promise<Omit<Answer, 'id'>> {
  try {
    const run = operations[operation] as ((argument: unknown) => unknown) | undefined;
    if (run === undefined) return { error: `no operation ${operation}` };
    return { result: await run(argument) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
