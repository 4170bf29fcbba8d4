import type { Flavour } from './load-socket';
import type { PeerName } from './peers/peer';
import { Worker } from './worker';
import { freePort } from '../servers/server';

/** One peer and its clients, each in a process of its own. */
export class Rig {
  readonly name: PeerName;
  readonly load: Worker;
  readonly #flavour: Flavour;
  readonly #env: Readonly<Record<string, string>>;
  #server: Worker;
  #port = 0;
  #expected = 0;

  /** @param env of the peer's process. */
  constructor(name: PeerName, flavour?: Flavour, env: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.#flavour = flavour ?? (name === 'socket.io' ? 'socket.io' : 'plain');
    this.#env = env;
    this.#server = this.#newServer();
    this.load = new Worker(`${__dirname}/load-process.ts`, []);
  }

  get server(): Worker {
    return this.#server;
  }

  async start(): Promise<void> {
    // Below the range of outgoing ports: a client that comes back before the server does could connect to itself.
    this.#port = await this.#server.call<number>('start', this.#port || (await freePort()));
  }

  /** SIGKILL; a new process then listens on the same port. */
  async restart(): Promise<void> {
    await this.#server.stop();
    this.#server = this.#newServer();
    await this.start();
  }

  async open(count: number, concurrency = 50): Promise<void> {
    await this.load.call('open', { port: this.#port, count, concurrency, flavour: this.#flavour, firstUser: 0 });
    this.#expected = await this.load.call<number>('received');
  }

  /** CPU microseconds of the server for one of `units`, while `work` runs. */
  async cpuPer(units: number, work: () => Promise<unknown>): Promise<number> {
    const before = await this.#server.call<number>('cpu');
    await work();
    return ((await this.#server.call<number>('cpu')) - before) / units;
  }

  /** Lets the server push, and waits until the clients have its frames. */
  async pushed(frames: number, operation: string, argument: object): Promise<void> {
    this.#expected += frames;
    await this.#server.call(operation, argument);
    await this.load.call('reached', this.#expected);
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.#server.stop();
  }

  #newServer(): Worker {
    return new Worker(`${__dirname}/peer-process.ts`, [this.name], this.#env);
  }
}
