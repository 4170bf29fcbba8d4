import { ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Broker, BrokerNode } from '../cluster/brokers/broker';

/** One node of the contract suite: notes all that its broker tells it, in order. */
export class ContractNode implements BrokerNode {
  readonly name: string;
  readonly id = randomBytes(8).toString('hex');
  readonly broker: Broker;
  readonly heard: Buffer[] = [];
  readonly states: { readonly state: 'up' | 'down'; readonly cause: Error | undefined }[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(name: string, broker: Broker) {
    this.name = name;
    this.broker = broker;
  }

  get state(): 'up' | 'down' | undefined {
    return this.states.at(-1)?.state;
  }

  onBytes(bytes: Buffer): void {
    this.heard.push(bytes);
    this.#lookAgain();
  }

  onState(state: 'up' | 'down', cause?: Error): void {
    this.states.push({ state, cause });
    this.#lookAgain();
  }

  /** What was heard, as text. */
  get texts(): string[] {
    return this.heard.map((bytes) => bytes.toString());
  }

  /** How often exactly this was heard. */
  countOf(text: string): number {
    return this.texts.filter((each) => each === text).length;
  }

  hears(text: string, withinMs: number): Promise<void> {
    return this.until(() => this.countOf(text) > 0, withinMs, `hears ${JSON.stringify(text)}`);
  }

  is(state: 'up' | 'down', withinMs: number): Promise<void> {
    return this.until(() => this.state === state, withinMs, `is told "${state}"`);
  }

  /** Resolves as soon as it holds, looked at after each thing that the broker tells. */
  until(holds: () => boolean, withinMs: number, what: string): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) settle(resolve);
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`the node never ${what} within ${withinMs} ms`)));
      }, withinMs);
      const settle = (done: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        done();
      };
      this.#waiting.add(look);
    });
  }

  #lookAgain(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Fails unless the promise settles in time; gives what it settled with. */
export async function settlesWithin<T>(
  promise: Promise<T>,
  withinMs: number,
  what: string,
): Promise<PromiseSettledResult<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs);
  });
  const outcome = await Promise.race([Promise.allSettled([promise]), late]);
  clearTimeout(timer);
  ok(outcome, `${what} did not settle within ${withinMs} ms`);
  return outcome[0];
}

/** Fails unless the promise rejects in time; gives the error. */
export async function rejectsWithin(promise: Promise<unknown>, withinMs: number, what: string): Promise<Error> {
  const outcome = await settlesWithin(promise, withinMs, what);
  ok(outcome.status === 'rejected', `${what} resolved, and should have been rejected`);
  ok(outcome.reason instanceof Error, `${what} was rejected with something that is no Error`);
  return outcome.reason;
}

/** A name that no earlier run used. */
export function newName(): string {
  return `contract-${randomBytes(4).toString('hex')}`;
}
