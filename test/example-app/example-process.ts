import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const MAIN = join(__dirname, '../../example-app/main.ts');

/** The example app as `npm start` runs it, in a process of its own. */
export class ExampleProcess {
  readonly child: ChildProcess;
  #output = '';
  readonly #waiting = new Set<() => void>();

  /** @param env added to this process's environment; a free port unless it says otherwise. */
  constructor(env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
      env: { ...process.env, NODE_V8_COVERAGE: '', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const listen = (chunk: Buffer) => {
      this.#output += chunk.toString();
      for (const check of this.#waiting) check();
    };
    this.child.stdout?.on('data', listen);
    this.child.stderr?.on('data', listen);
  }

  /** @returns all that it has said, once that matches. */
  said(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (pattern.test(this.#output)) resolve(this.#output);
      };
      this.#waiting.add(check);
      this.child.once('close', () => reject(new Error(`it ended and said: ${this.#output}`)));
      check();
    });
  }

  /** @returns the address that it prints when it is up. */
  async address(): Promise<string> {
    return /http:\/\/[\d.:]+/.exec(await this.said(/http:.*\n/))?.[0] ?? '';
  }

  /** Asks it to end. @returns its exit code. */
  async end(): Promise<number | null> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    return this.child.exitCode;
  }
}
