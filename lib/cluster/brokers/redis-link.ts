import type { Redis, RedisOptions } from 'ioredis';
import type { BrokerNode, NodeId } from './broker';
import type { LinkScope } from './link-scope';
import { keepChecking } from './liveness';
import { namePart } from './name-part';
import type { SendBytes } from './publish-queue';
import { explainRedisFault } from './redis-faults';
import type { RedisSource } from './redis-source';

/** A hung server is noticed after interval + deadline at the latest. */
const checking = { intervalMs: 2000, deadlineMs: 3000 };

/** One pair of connections, both to the same server: publisher and subscriber. */
export class RedisLink {
  readonly #source: RedisSource;
  readonly #scope: LinkScope;
  readonly #tag: string;
  readonly #root: string;
  readonly #allChannel: string;
  readonly #nodeChannel: string;
  /** Only this link publishes and hears here: what comes back proves both connections. */
  readonly #checkChannel: Buffer;
  /** The driver gives connection faults to listeners and rejects with a bare "Connection is closed." */
  #fault: unknown;
  #isSharded = false;
  /** In a Cluster without sharding the reply counts the listeners of the asked node only. */
  #countsListeners = true;
  #handleEcho: (() => void) | undefined;

  constructor(source: RedisSource, prefix: string, node: BrokerNode, scope: LinkScope) {
    this.#source = source;
    this.#scope = scope;
    this.#tag = namePart(node.name);
    this.#root = `${prefix}:{${this.#tag}}`;
    this.#allChannel = `${this.#root}:all`;
    this.#nodeChannel = this.#channelOf(node.id);
    this.#checkChannel = Buffer.from(`${this.#root}:check:${namePart(node.id)}`);
  }

  async open(): Promise<SendBytes> {
    try {
      return await this.#connect();
    } catch (fault) {
      throw this.#explain(isBareClose(fault) ? (this.#fault ?? fault) : fault);
    }
  }

  async #connect(): Promise<SendBytes> {
    const make = await this.#source.locate(this.#tag, this.#scope, (fault) => {
      this.#fault ??= fault;
    });
    const publisher = this.#adopt(make(this.#settings()));
    const subscriber = this.#adopt(make(this.#settings()));
    await Promise.all([publisher.connect(), subscriber.connect()]);
    await this.#checkRole(publisher);
    await this.#subscribe(subscriber);
    await this.#check(publisher);
    keepChecking(this.#scope, { ...checking, check: () => this.#check(publisher) });
    return (bytes, to) => this.#send(publisher, bytes, to);
  }

  /** Everything that would keep commands over an outage, retry or reconnect by itself is off: a lost link is made anew. */
  #settings(): RedisOptions {
    return {
      ...{ lazyConnect: true, retryStrategy: null, sentinelRetryStrategy: () => null, reconnectOnError: null },
      ...{ enableOfflineQueue: false, autoResubscribe: false, autoResendUnfulfilledCommands: false },
      ...{ enableReadyCheck: false, enableAutoPipelining: false, readOnly: false, scripts: undefined },
      ...{ commandTimeout: undefined, socketTimeout: undefined, connectTimeout: 4000, disconnectTimeout: 200 },
      ...{ sentinelCommandTimeout: 2000, failoverDetector: true, keyPrefix: '', himportFieldsets: undefined },
      ...{ role: 'master' as const, protocol: 3 as const, replyMapping: 'legacy' as const },
      connectionName: `express-realtime:${this.#tag}`,
    };
  }

  #adopt(client: Redis): Redis {
    this.#scope.onEnd(() => endClient(client));
    client.on('error', (fault) => {
      this.#fault = fault;
    });
    client.on('sentinelError', (fault) => {
      this.#fault ??= fault;
    });
    client.on('close', () => this.#scope.lose(this.#explain(this.#fault ?? new Error('Connection is closed.'))));
    // The slot of a Cluster went to another server.
    client.on('moved', () => this.#scope.lose(new Error(`${this.#source.label}: the slot has moved`)));
    return client;
  }

  async #subscribe(subscriber: Redis): Promise<void> {
    const channels = [this.#allChannel, this.#nodeChannel, this.#checkChannel];
    const handleMessage = (channel: Buffer, bytes: Buffer): void => {
      if (channel.equals(this.#checkChannel)) this.#handleEcho?.();
      else this.#scope.deliver(bytes);
    };
    subscriber.on('messageBuffer', handleMessage);
    subscriber.on('smessageBuffer', handleMessage);
    if (this.#source.isCluster) this.#isSharded = await trySharded(subscriber, channels);
    if (!this.#isSharded) await subscriber.subscribe(...channels);
  }

  /**
   * Sends one message round through both connections, and asks whether the server is still a master:
   * a demoted one takes PUBLISH as before, while those on the new master hear nothing.
   */
  async #check(publisher: Redis): Promise<void> {
    const echo = new Promise<void>((resolve) => {
      this.#handleEcho = () => {
        this.#scope.heard();
        resolve();
      };
    });
    try {
      const [listeners] = await Promise.all([
        this.#publish(publisher, this.#checkChannel, ''),
        this.#checkRole(publisher),
      ]);
      if (listeners === 0 && this.#countsListeners)
        throw new Error('publisher and subscriber are on different servers');
    } catch (fault) {
      throw this.#explain(fault);
    }
    await echo;
  }

  /** HELLO needs no right in the ACL and tells role and mode. A server or proxy that does not know it is taken as it is. */
  async #checkRole(publisher: Redis): Promise<void> {
    const reply = await publisher.call('HELLO').catch((fault: unknown) => {
      if (isBareClose(fault)) throw fault;
      return [];
    });
    const fields = Array.isArray(reply) ? reply.map(String) : [];
    const valueOf = (field: string): string | undefined => fields[fields.indexOf(field) + 1];
    this.#countsListeners = this.#isSharded || valueOf('mode') !== 'cluster';
    const role = fields.includes('role') ? valueOf('role') : 'master';
    if (role !== 'master') throw new Error(`the server is a ${role}, not (or no longer) a master`);
  }

  async #send(publisher: Redis, bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    if (to === 'all') {
      await this.#sendOne(publisher, this.#allChannel, bytes);
      return;
    }
    await Promise.all(to.map((id) => this.#sendOne(publisher, this.#channelOf(id), bytes)));
  }

  async #sendOne(publisher: Redis, channel: string, bytes: Buffer): Promise<void> {
    let listeners: unknown;
    try {
      listeners = await this.#publish(publisher, channel, bytes);
    } catch (fault) {
      const error = this.#explain(isBareClose(fault) ? (this.#fault ?? fault) : fault);
      if (/\b(MOVED|ASK|CLUSTERDOWN|READONLY)\b/.test(error.message)) this.#scope.lose(error);
      throw error;
    }
    if (listeners === 0 && this.#countsListeners) throw new Error(`nobody listens on ${channel}`);
  }

  #publish(publisher: Redis, channel: string | Buffer, bytes: Buffer | string): Promise<unknown> {
    return this.#isSharded ? publisher.spublish(channel, bytes) : publisher.publish(channel, bytes);
  }

  #channelOf(id: NodeId): string {
    return `${this.#root}:node:${namePart(id)}`;
  }

  #explain(fault: unknown): Error {
    return explainRedisFault(fault, this.#source, `${this.#root}:*`);
  }
}

/** SSUBSCRIBE, from Redis 7 on; false where the server does not know it. */
async function trySharded(subscriber: Redis, channels: readonly (string | Buffer)[]): Promise<boolean> {
  try {
    await subscriber.ssubscribe(...channels);
    return true;
  } catch (fault) {
    if (fault instanceof Error && /unknown command/i.test(fault.message)) return false;
    throw fault;
  }
}

function isBareClose(fault: unknown): boolean {
  return (
    fault instanceof Error && /connection is closed|none of startup nodes|stream isn't writeable/i.test(fault.message)
  );
}

/** Ends a connection at once, a hung one too; resolves when it is gone. */
function endClient(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === 'end') {
      resolve();
      return;
    }
    client.once('end', () => resolve());
    client.disconnect();
    // Not there before the first connect.
    (client.stream as typeof client.stream | undefined)?.destroy();
  });
}
