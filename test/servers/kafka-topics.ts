import { Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { kafkaBroker } from '../../lib/cluster/brokers/kafka';
import type { KafkaServer } from './kafka';

/** What a test does to Kafka as its administrator. */
export class KafkaTopics {
  readonly admin: Admin;

  private constructor(admin: Admin) {
    this.admin = admin;
  }

  /** Connects; resolves when the server also serves groups, which takes a fresh one a moment longer. */
  static async on({ address }: KafkaServer): Promise<KafkaTopics> {
    const kafka = new Kafka({
      brokers: [address],
      logLevel: logLevel.NOTHING,
      retry: { retries: 20, maxRetryTime: 500 },
    });
    const topics = new KafkaTopics(kafka.admin());
    await topics.admin.connect();
    await topics.create('warm-up');
    const broker = kafkaBroker({ brokers: [address], topic: 'warm-up' });
    await broker.start({ name: 'warm-up', id: 'warm-up', onBytes() {}, onState() {} });
    await broker.close();
    return topics;
  }

  /** Makes a topic, where it is not there yet. */
  async create(topic: string, numPartitions = 1): Promise<void> {
    await this.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] });
  }

  /** The consumer groups that nodes on this topic made. */
  async groupsOf(topic: string): Promise<string[]> {
    const { groups } = await this.admin.listGroups();
    return groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`${topic}.`));
  }

  close(): Promise<void> {
    return this.admin.disconnect();
  }
}
