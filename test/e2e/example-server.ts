import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExampleApp } from '../../example-app/app';
import { createApp } from '../../example-app/app';

/** The example app on a free port, with a database of its own that survives a restart. */
export class ExampleServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'example-app-'));
  readonly #jwtSecret: string;
  #app: ExampleApp | undefined;
  #port = 0;

  constructor(jwtSecret = 'secret of a test') {
    this.#jwtSecret = jwtSecret;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get app(): ExampleApp {
    if (!this.#app) throw new Error('the server is not running');
    return this.#app;
  }

  /** Starts on a free port; after a stop, on the same one. */
  async start(jwtSecret = this.#jwtSecret): Promise<this> {
    this.#app = createApp({ databaseFile: join(this.#folder, 'example.sqlite'), jwtSecret });
    this.#app.server.listen(this.#port, '127.0.0.1');
    await once(this.#app.server, 'listening');
    this.#port = (this.#app.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    this.#app = undefined;
  }

  /** Stops, and takes the database away. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
