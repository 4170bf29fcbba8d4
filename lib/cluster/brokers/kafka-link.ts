import type { Consumer } from 'kafkajs';
import { RealtimeError } from '../../model/errors';
import type { BatchSender } from './batch-sender';
import type { BrokerNode } from './broker';
import { cleanFault } from './fault-text';
import { KafkaClient, sessionTimeoutMs } from './kafka-client';
import type { KafkaAccess } from './kafka-client';
import { explain } from './kafka-faults';
import { isFor, kafkaSender, numberOf } from './kafka-publisher';
import { KafkaMarks, startReading } from './kafka-reader';
import type { LinkScope } from './link-scope';
import { pause } from './pause';
import { Repeats } from './repeats';
import type { SendBytes } from './publish-queue';

/** What all links of one broker share. */
export interface KafkaPlan {
  readonly label: string;
  readonly access: KafkaAccess;
  readonly secrets: readonly string[];
  readonly topic: string;
  readonly publishTimeoutMs: number;
}

/** No word of the coordinator, or a send without an answer, for so long: it hangs; kafkajs says so after 12 s. */
const silenceMs = 3000;
const stallMs = 2000;
/** A consumer that is silent for so long, and does not crash, is replaced. */
const giveUpMs = 20_000;
const checkMs = 500;
/** For leaving the group, deleting it and disconnecting; where the link broke there is hardly anyone to tell. */
const goodbyeMs = { closing: 2500, broken: 200 };

/** Opens the links of one broker, and keeps what outlives them: how far it has read, groups not deleted yet. */
export class KafkaLinks {
  readonly #plan: KafkaPlan;
  readonly #marks: KafkaMarks;
  readonly #repeats = new Repeats();
  readonly #leftGroups = new Set<string>();
  #count = 0;
  #published = 0;

  constructor(plan: KafkaPlan) {
    this.#plan = plan;
    this.#marks = new KafkaMarks(plan.topic);
  }

  /** One link: one producer, and one consumer in a group of its own, never used again. */
  async open(node: BrokerNode, scope: LinkScope): Promise<SendBytes> {
    const { access, label, topic, secrets, publishTimeoutMs } = this.#plan;
    this.#count += 1;
    const groupId = `${topic}.${node.id}.${this.#count}`;
    const client = new KafkaClient(access);
    const consumer = client.consumer(groupId);
    scope.onEnd(() => this.#end(scope, client, consumer));
    try {
      await Promise.all([client.admin.connect(), client.producer.connect()]);
      await this.#marks.read(client.admin);
      this.#deleteLater(scope, client, [...this.#leftGroups]);
      this.#leftGroups.add(groupId);
      const route = { topic, app: node.name, nodeId: node.id, takeNumber: () => (this.#published += 1) };
      const sender = kafkaSender(client.producer, route, publishTimeoutMs);
      await this.#read(consumer, node, scope, sender);
      return (bytes, to) => sender.send(bytes, to).catch((fault) => Promise.reject(cleanFault(fault, secrets)));
    } catch (fault) {
      throw explain(fault, label, topic, secrets);
    }
  }

  async #read(consumer: Consumer, node: BrokerNode, scope: LinkScope, sender: BatchSender): Promise<void> {
    const { label, topic, secrets } = this.#plan;
    const app = Buffer.from(node.name);
    let beatAt = performance.now();
    await startReading(consumer, topic, this.#marks, {
      handleMessage: ({ headers, key, value }) => {
        const number = numberOf(headers);
        if (!value || !key || number === undefined || !isFor(headers, app, node.id)) return;
        if (this.#repeats.isNew(key.toString(), number)) scope.deliver(value);
      },
      handleBeat: () => {
        beatAt = performance.now();
      },
      handleEnd: (fault) => {
        const error = explain(fault, label, topic, secrets);
        sender.stop(error);
        scope.lose(error);
      },
    });
    watch(scope, (now, wasBlocked) => {
      // This process itself stood still: the answers wait in its sockets.
      if (wasBlocked) beatAt = now;
      const silent = now - beatAt;
      if (silent > giveUpMs) scope.lose(new Error(`nothing heard for ${giveUpMs} ms`));
      if (silent > silenceMs) return `nothing heard for ${silenceMs} ms`;
      return sender.stalledMs(now) > stallMs ? `no answer to a send for ${stallMs} ms` : undefined;
    });
  }

  /** Leaves nothing behind: the group goes, and whatever waits for an answer after that loses its connection. */
  async #end(scope: LinkScope, client: KafkaClient, consumer: Consumer): Promise<void> {
    const cause = await scope.lost;
    const isClosing = cause instanceof RealtimeError && cause.code === 'ERR_REALTIME_CLOSED';
    const done = new AbortController();
    void this.#sayGoodbye(client, consumer).finally(() => done.abort());
    await pause(isClosing ? goodbyeMs.closing : goodbyeMs.broken, done.signal);
    client.cut();
  }

  async #sayGoodbye(client: KafkaClient, consumer: Consumer): Promise<void> {
    await Promise.allSettled([consumer.disconnect(), client.producer.disconnect()]);
    await this.#deleteGroups(client, [...this.#leftGroups]);
    await Promise.allSettled([client.admin.disconnect()]);
  }

  /** The group of a link that broke holds its dead member until the session times out. */
  #deleteLater(scope: LinkScope, client: KafkaClient, groups: readonly string[]): void {
    if (groups.length === 0) return;
    const timer = setTimeout(() => void this.#deleteGroups(client, groups), sessionTimeoutMs + 2000).unref();
    scope.onEnd(() => clearTimeout(timer));
  }

  /** Best effort: a group that stays is empty, holds no offsets, and Kafka drops it by itself. Never rejects. */
  async #deleteGroups(client: KafkaClient, groups: readonly string[]): Promise<void> {
    const fault: unknown = await client.admin.deleteGroups([...groups]).then(
      () => undefined,
      (error: unknown) => error ?? new Error('unknown'),
    );
    const failed = fault === undefined ? [] : failedGroups(fault, groups);
    for (const group of groups) if (!failed.includes(group)) this.#leftGroups.delete(group);
  }
}

/** KafkaJSDeleteGroupsError lists the groups that it is about. */
function failedGroups(fault: unknown, groups: readonly string[]): readonly string[] {
  const listed = (fault as { readonly groups?: readonly { readonly groupId: string }[] }).groups;
  return listed ? listed.map(({ groupId }) => groupId) : groups;
}

/** Asks again and again whether the broker should count as hung, and tells each change. */
function watch(scope: LinkScope, whyHung: (now: number, wasBlocked: boolean) => string | undefined): void {
  let lastAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const why = whyHung(now, now - lastAt > 2 * checkMs);
    lastAt = now;
    if ((why === undefined) !== (scope.whyHeld === undefined)) scope.hold(why);
  }, checkMs);
  timer.unref();
  scope.onEnd(() => clearInterval(timer));
}
