import { callRocketmq } from './rocketmq-remoting';
import type { RocketmqReply } from './rocketmq-remoting';

/** Request codes of RocketMQ's remoting protocol (`RequestCode.java`). */
const codes = {
  updateConsumerOffset: 15,
  createTopic: 17,
  maxOffset: 30,
  createGroup: 200,
  allGroups: 201,
  deleteGroup: 207,
  deleteTopic: 215,
} as const;

/** A topic's queues are counted per broker. `fifo` keeps the order of a node also over several queues. */
export interface RocketmqTopic {
  readonly topic: string;
  /** Default 1: with more, only a FIFO topic keeps the order. */
  readonly queues?: number;
  readonly fifo?: boolean;
}

/**
 * Provisions topics and groups on one RocketMQ broker, over its remoting port (10911 as installed), which the proxy's
 * own port does not offer. For a broker without ACL; with ACL use `mqadmin`, the commands stand in rocketmq.md.
 */
export class RocketmqAdmin {
  readonly #address: string;
  readonly #timeoutMs: number;

  /**
   * @param address `host:port` of the broker, not of the proxy and not of the name server.
   * @param timeoutMs for each request. Default 5,000.
   */
  constructor(address: string, timeoutMs = 5000) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** Makes the topic, or changes it to these settings. */
  async createTopic({ topic, queues = 1, fifo = false }: RocketmqTopic): Promise<void> {
    await this.#call(codes.createTopic, {
      topic,
      defaultTopic: 'TBW102',
      readQueueNums: String(queues),
      writeQueueNums: String(queues),
      perm: '6',
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: '0',
      order: 'false',
      attributes: `+message.type=${fifo ? 'FIFO' : 'NORMAL'}`,
    });
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#call(codes.deleteTopic, { topic });
  }

  /** The names of all consumer groups. */
  async groups(): Promise<string[]> {
    const { body } = await this.#call(codes.allGroups, { groupSeq: '0', maxGroupNum: '100000' });
    return [...body.toString('utf8').matchAll(/"groupName":"([^"]+)"/g)].map((match) => match[1] ?? '');
  }

  /**
   * Makes the group. A new one begins at the end of `topic`, instead of with all messages that the broker still has;
   * the position of one that is there already stays.
   */
  async createGroup(group: string, { topic, queues = 1, fifo = false }: RocketmqTopic): Promise<void> {
    const isNew = !(await this.groups()).includes(group);
    const settings = { groupName: group, consumeEnable: true, consumeMessageOrderly: fifo };
    await this.#call(codes.createGroup, {}, Buffer.from(JSON.stringify(settings)));
    if (!isNew) return;
    for (let queueId = 0; queueId < queues; queueId += 1) await this.#moveToEnd(group, topic, String(queueId));
  }

  /** Deletes the group and its position. */
  async deleteGroup(group: string): Promise<void> {
    await this.#call(codes.deleteGroup, { groupName: group, cleanOffset: 'true' });
  }

  async #moveToEnd(consumerGroup: string, topic: string, queueId: string): Promise<void> {
    const end = await this.#call(codes.maxOffset, { topic, queueId });
    const commitOffset = end.fields['offset'] ?? '0';
    await this.#call(codes.updateConsumerOffset, { consumerGroup, topic, queueId, commitOffset });
  }

  async #call(code: number, fields: Readonly<Record<string, string>>, body?: Buffer): Promise<RocketmqReply> {
    return callRocketmq(this.#address, { code, fields, body: body ?? Buffer.alloc(0), timeoutMs: this.#timeoutMs });
  }
}
