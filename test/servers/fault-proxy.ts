import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { freePort } from './server';

/** One client's connection and the one behind it. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly toServer: Pipe;
  readonly toClient: Pipe;
}

/** Which way bytes go: `toServer`, `toClient`, or `both`. */
export type Direction = 'toServer' | 'toClient' | 'both';

/**
 * A TCP proxy that spoils the network on purpose. Whatever is set holds for open and for new connections, and for
 * bytes on their way.
 */
export class FaultProxy {
  readonly port: number;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  readonly #paused = { toServer: false, toClient: false };
  #listener: Server | undefined;
  #delayMs = 0;
  /** For each connection to come: how many chunks of the server pass before it is cut. */
  #cuts: number[] = [];
  #handleEmpty: () => void = () => {};

  private constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  /** Starts a proxy in front of a server of 127.0.0.1. */
  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(await freePort(), targetPort);
    await proxy.accept();
    return proxy;
  }

  /** How many clients are connected. */
  get connectionCount(): number {
    return this.#pairs.size;
  }

  /** Swallows nothing and forwards nothing: the other side just waits, as behind a dead router. */
  pause(direction: Direction): void {
    this.#setPaused(direction, true);
  }

  resume(direction: Direction): void {
    this.#setPaused(direction, false);
  }

  /** Delays every chunk, each way; 0 = no delay. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Cuts every connection with RST. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Cuts the next connections with RST, one after the other, each after so many chunks from the server. */
  cutAfter(chunks: readonly number[]): void {
    this.#cuts = [...chunks];
  }

  /** Resolves when no client is connected. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#handleEmpty = resolve;
      if (this.#pairs.size === 0) resolve();
    });
  }

  /** Refuses new connections (ECONNREFUSED); open ones go on. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    // Its `close` event comes only when the open connections are gone too.
    listener?.close();
  }

  /** Accepts connections again. */
  async accept(): Promise<void> {
    if (this.#listener) return;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#handleClient(client));
    this.#listener.listen(this.port, '127.0.0.1');
    await once(this.#listener, 'listening');
  }

  /** Cuts everything and stops listening. */
  async stop(): Promise<void> {
    await this.refuse();
    this.reset();
  }

  #handleClient(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const delayMs = (): number => this.#delayMs;
    const pair = {
      client,
      server,
      toServer: new Pipe(client, server, delayMs),
      toClient: new Pipe(server, client, delayMs),
    };
    this.#pairs.add(pair);
    if (this.#paused.toServer) pair.toServer.pause();
    if (this.#paused.toClient) pair.toClient.pause();
    this.#cutInTime(pair, this.#cuts.shift());
    const handleEnd = (): void => {
      this.#pairs.delete(pair);
      if (this.#pairs.size === 0) this.#handleEmpty();
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', handleEnd).on('close', handleEnd);
  }

  #cutInTime({ client, server }: Pair, chunks: number | undefined): void {
    if (chunks === undefined) return;
    let left = chunks;
    server.on('data', () => {
      left -= 1;
      if (left < 0) client.resetAndDestroy();
    });
  }

  #setPaused(direction: Direction, isPaused: boolean): void {
    for (const each of ['toServer', 'toClient'] as const) {
      if (direction !== 'both' && direction !== each) continue;
      this.#paused[each] = isPaused;
      for (const pair of this.#pairs) {
        if (isPaused) pair[each].pause();
        else pair[each].resume();
      }
    }
  }
}

/** One direction of a connection: chunks leave in order, each after its delay, none while paused. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  /** An undefined chunk is the end. */
  readonly #waiting: { readonly chunk: Buffer | undefined; readonly dueAt: number }[] = [];
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    const add = (chunk: Buffer | undefined): void => {
      this.#waiting.push({ chunk, dueAt: performance.now() + delayMs() });
      this.#flush();
    };
    from.on('data', add);
    from.on('end', () => add(undefined));
    from.on('close', () => clearTimeout(this.#timer));
  }

  pause(): void {
    this.#isPaused = true;
    this.#from.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#from.resume();
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    while (!this.#isPaused) {
      const next = this.#waiting[0];
      if (!next) return;
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), waitMs);
        return;
      }
      this.#waiting.shift();
      if (next.chunk) this.#to.write(next.chunk);
      else this.#to.end();
    }
  }
}
