import type {
  Admin,
  Consumer,
  ConsumerCrashEvent,
  ConsumerGroupJoinEvent,
  EachBatchPayload,
  KafkaMessage,
} from 'kafkajs';
import { RealtimeError } from '../../model/errors';
import { pause } from './pause';

/** What a reader tells while it lives. */
export interface KafkaReaderListeners {
  handleMessage(message: KafkaMessage): void;
  /** The coordinator answered. */
  handleBeat(): void;
  /** The consumer is no longer good; told once. */
  handleEnd(cause: Error): void;
}

/** A topic just made may be unknown for a moment. */
const missingTopic = { tries: 3, pauseMs: 400 };

/**
 * How far a node has read, by partition: kept over its consumers, so that what was published while one was replaced
 * is read by the next.
 */
export class KafkaMarks {
  readonly #topic: string;
  readonly #next = new Map<number, bigint>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  /**
   * Reads where the topic ends, before the consumer joins: "from latest" would begin somewhere after the join instead.
   * Partitions known already keep their mark, unless the topic was made anew or has deleted that far.
   *
   * @throws ERR_REALTIME_BROKER_SETUP when there is no such topic.
   */
  async read(admin: Admin): Promise<void> {
    for (const { partition, low, high } of await fetchOffsets(admin, this.#topic)) {
      this.#next.set(partition, place(this.#next.get(partition), BigInt(low), BigInt(high)));
    }
  }

  /** Moves a new group to where this node stands. A partition added since is read from its beginning. */
  seek(consumer: Consumer, event: ConsumerGroupJoinEvent): void {
    for (const partition of event.payload.memberAssignment[this.#topic] ?? []) {
      const offset = String(this.#next.get(partition) ?? 0n);
      consumer.seek({ topic: this.#topic, partition, offset });
    }
  }

  /** Notes how far it has been read. Also backwards: a topic made anew under a running consumer begins at 0. */
  note(partition: number, offset: string): void {
    this.#next.set(partition, BigInt(offset) + 1n);
  }
}

function place(mark: bigint | undefined, first: bigint, end: bigint): bigint {
  if (mark === undefined) return end;
  if (mark < first) return first;
  if (mark <= end) return mark;
  // Behind the end: the topic was made anew (then it begins at 0, and all in it is new) or its end was lost.
  return first === 0n ? first : end;
}

async function fetchOffsets(admin: Admin, topic: string): Promise<{ partition: number; low: string; high: string }[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (fault) {
      if (!isMissingTopic(fault)) throw fault;
      if (tries >= missingTopic.tries) throw missingTopicError(topic);
      await pause(missingTopic.pauseMs);
    }
  }
}

function isMissingTopic(fault: unknown): boolean {
  const { message, cause } = fault as { readonly message?: string; readonly cause?: { readonly type?: string } };
  return cause?.type === 'UNKNOWN_TOPIC_OR_PARTITION' || message === 'This server does not host this topic-partition';
}

function missingTopicError(topic: string): RealtimeError {
  const command = `kafka-topics.sh --bootstrap-server HOST:9092 --create --topic ${topic} --config retention.ms=600000`;
  const message = `Kafka has no topic ${topic}, and it is not made by itself. Create it: ${command}`;
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}

/**
 * Joins the consumer's group and reads from the marks on.
 * Resolves at the first join: all published since `marks.read` will be handed on. Rejects when that fails.
 */
export async function startReading(
  consumer: Consumer,
  topic: string,
  marks: KafkaMarks,
  listeners: KafkaReaderListeners,
): Promise<void> {
  const { GROUP_JOIN, HEARTBEAT, CRASH } = consumer.events;
  const joined = new Promise<void>((resolve, reject) => {
    consumer.on(GROUP_JOIN, (event) => {
      marks.seek(consumer, event);
      listeners.handleBeat();
      resolve();
    });
    consumer.on(CRASH, ({ payload }: ConsumerCrashEvent) => {
      listeners.handleEnd(payload.error);
      reject(payload.error);
    });
  });
  joined.catch(() => {});
  consumer.on(HEARTBEAT, () => listeners.handleBeat());
  await consumer.connect();
  // fromBeginning: where a mark has been deleted meanwhile, go on with the oldest message there is.
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: (payload: EachBatchPayload) => {
      const { batch } = payload;
      for (const message of batch.messages) {
        if (!payload.isRunning()) break;
        marks.note(batch.partition, message.offset);
        listeners.handleMessage(message);
      }
      return Promise.resolve();
    },
  });
  await joined;
}
