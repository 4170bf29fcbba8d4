import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage, Message } from 'amqplib';
import type { BrokerNode, NodeId } from './broker';
import type { LinkScope } from './link-scope';
import { keepChecking } from './liveness';
import { namePart } from './name-part';
import type { SendBytes } from './publish-queue';
import { explainRabbitmqFault } from './rabbitmq-faults';
import type { RabbitmqSource } from './rabbitmq-source';

/** A hung server is noticed after interval + deadline; the heartbeat alone needs up to 15 s. */
const checking = { intervalMs: 2000, deadlineMs: 3000 };
/** Bounds what waits in the server for a node that reads too slowly; the oldest goes first. */
const queueBounds = { 'x-max-length-bytes': 64 * 1024 * 1024, 'x-message-ttl': 60_000 };
/** Marks a message that a node sends to itself as a sign of life. */
const checkType = 'realtime.check';
const goodbyeMs = 300;

/** One connection with two channels: one reads the node's queue, one publishes with confirms. */
export class RabbitmqLink {
  readonly #source: RabbitmqSource;
  readonly #scope: LinkScope;
  readonly #exchange: string;
  readonly #application: string;
  readonly #allKey: string;
  readonly #nodeKey: string;
  /** Ids of messages that no queue took; the return comes before the confirm. */
  readonly #returned = new Set<string>();
  #lastId = 0;
  #handleEcho: (() => void) | undefined;

  constructor(source: RabbitmqSource, exchange: string | undefined, node: BrokerNode, scope: LinkScope) {
    this.#source = source;
    this.#scope = scope;
    this.#exchange = exchange ?? `realtime.${node.name}`;
    this.#application = namePart(node.name);
    this.#allKey = `${this.#application}.all`;
    this.#nodeKey = this.#keyOf(node.id);
  }

  async open(): Promise<SendBytes> {
    try {
      return await this.#connect();
    } catch (fault) {
      throw this.#explain(fault);
    }
  }

  async #connect(): Promise<SendBytes> {
    const model = await this.#open();
    await this.#consume(model);
    const publisher = this.#watch(await model.createConfirmChannel());
    publisher.on('return', ({ properties }: Message) => this.#returned.add(String(properties.messageId)));
    // Under an alarm nothing comes back before it is over: the node is connected, and told that it cannot publish.
    const held = new Promise<void>((resolve) => model.once('blocked', () => resolve()));
    await Promise.race([this.#check(publisher), held]);
    keepChecking(this.#scope, { ...checking, check: () => this.#check(publisher) });
    return (bytes, to) => this.#send(publisher, bytes, to);
  }

  /**
   * The listeners stand before anything else is awaited: a connection that breaks during set-up is an `error` event,
   * and without a listener it ends the process.
   */
  async #open(): Promise<ChannelModel> {
    const socket = new AbortController();
    const opened: { model?: ChannelModel } = {};
    this.#scope.onEnd(async () => {
      await sayGoodbye(opened.model);
      socket.abort();
    });
    const model = await this.#source.connect(socket.signal);
    opened.model = model;
    const lose = (fault?: Error): void => this.#scope.lose(this.#explain(fault ?? new Error('the connection closed')));
    model.on('error', lose);
    model.on('close', lose);
    model.on('blocked', (reason) => this.#scope.hold(`${this.#source.label} takes no publishes: ${reason}`));
    model.on('unblocked', () => this.#scope.hold(undefined));
    return model;
  }

  /** A channel that the server closes takes its consumer along and tells nobody else: the whole link is made anew. */
  #watch<T extends Channel>(channel: T): T {
    channel.on('error', (fault) => this.#scope.lose(this.#explain(fault)));
    // When the connection goes, its channels go first; the reason comes right after.
    channel.on('close', () =>
      queueMicrotask(() => this.#scope.lose(new Error(`${this.#source.label}: the channel closed`))),
    );
    return channel;
  }

  async #consume(model: ChannelModel): Promise<void> {
    const channel = this.#watch(await model.createChannel());
    await channel.assertExchange(this.#exchange, 'direct', { durable: false });
    const owned = { exclusive: true, autoDelete: true, durable: false, arguments: queueBounds };
    const { queue } = await channel.assertQueue('', owned);
    await channel.bindQueue(queue, this.#exchange, this.#allKey);
    await channel.bindQueue(queue, this.#exchange, this.#nodeKey);
    await channel.consume(queue, (message) => this.#handleMessage(message), { noAck: true });
  }

  #handleMessage(message: ConsumeMessage | null): void {
    if (message === null) {
      this.#scope.lose(new Error(`${this.#source.label}: the queue of this node was deleted`));
      return;
    }
    if (message.properties.type === checkType) this.#handleEcho?.();
    else this.#scope.deliver(message.content);
  }

  /** Sends one message round through exchange and queue. */
  async #check(publisher: ConfirmChannel): Promise<void> {
    const echo = new Promise<void>((resolve) => {
      this.#handleEcho = () => {
        this.#scope.heard();
        resolve();
      };
    });
    await this.#sendOne(publisher, this.#nodeKey, Buffer.alloc(0), checkType);
    await echo;
  }

  async #send(publisher: ConfirmChannel, bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    if (to === 'all') {
      await this.#sendOne(publisher, this.#allKey, bytes);
      return;
    }
    await Promise.all(to.map((id) => this.#sendOne(publisher, this.#keyOf(id), bytes)));
  }

  /** Accepted = confirmed, and not returned: a key that nobody is bound to gets a return and then a confirm. */
  #sendOne(publisher: ConfirmChannel, key: string, bytes: Buffer, type?: string): Promise<void> {
    const messageId = String((this.#lastId += 1));
    return new Promise((resolve, reject) => {
      const handleConfirm = (fault: unknown): void => {
        const wasReturned = this.#returned.delete(messageId);
        if (fault) reject(this.#explain(fault));
        else if (wasReturned) reject(new Error(`nobody listens on ${key} of exchange ${this.#exchange}`));
        else resolve();
      };
      const properties = { mandatory: true, messageId, ...(type === undefined ? {} : { type }) };
      // Throws when the channel is closed: the promise rejects.
      publisher.publish(this.#exchange, key, bytes, properties, handleConfirm);
    });
  }

  #keyOf(id: NodeId): string {
    return `${this.#application}.node.${namePart(id)}`;
  }

  #explain(fault: unknown): Error {
    return explainRabbitmqFault(fault, this.#source, this.#exchange);
  }
}

/** Closes the connection the way the server likes it, unless it is hung; the queue goes with it. */
async function sayGoodbye(model: ChannelModel | undefined): Promise<void> {
  if (!model) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, goodbyeMs);
  });
  const closed = new Promise<void>((resolve) => model.once('close', () => resolve()));
  // Throws when the connection is closed already.
  const closing = model.close().catch(() => {});
  await Promise.race([Promise.all([closing, closed]), late]);
  clearTimeout(timer);
}
