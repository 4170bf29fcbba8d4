import { connect, type Socket } from 'node:net';
import { RealtimeError } from '../../model/errors';

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
    const body = await this.#call(codes.allGroups, {});
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
    const end = await this.#request(codes.maxOffset, { topic, queueId });
    const commitOffset = end.header.extFields?.['offset'] ?? '0';
    await this.#call(codes.updateConsumerOffset, { consumerGroup, topic, queueId, commitOffset });
  }

  async #call(code: number, fields: Readonly<Record<string, string>>, body?: Buffer): Promise<Buffer> {
    return (await this.#request(code, fields, body)).body;
  }

  async #request(
    code: number,
    fields: Readonly<Record<string, string>>,
    body: Buffer = Buffer.alloc(0),
  ): Promise<Reply> {
    const reply = await exchange(this.#address, this.#timeoutMs, encodeRequest(code, fields, body));
    if (reply.header.code === 0) return reply;
    throw setupError(`the RocketMQ broker at ${this.#address} refused: ${reply.header.remark ?? reply.header.code}`);
  }
}

interface Reply {
  readonly header: { readonly code: number; readonly remark?: string; readonly extFields?: Record<string, string> };
  readonly body: Buffer;
}

/** `length, header length, JSON header, body`; the header length's first byte is the format, 0 = JSON. */
function encodeRequest(code: number, extFields: Readonly<Record<string, string>>, body: Buffer): Buffer {
  const header = Buffer.from(
    JSON.stringify({
      code,
      language: 'OTHER',
      version: 0,
      opaque: 1,
      flag: 0,
      extFields,
      serializeTypeCurrentRPC: 'JSON',
    }),
  );
  const lengths = Buffer.alloc(8);
  lengths.writeInt32BE(4 + header.length + body.length, 0);
  lengths.writeInt32BE(header.length, 4);
  return Buffer.concat([lengths, header, body]);
}

/** The reply, or undefined while bytes are missing. */
function decodeReply(bytes: Buffer): Reply | undefined {
  if (bytes.length < 8) return undefined;
  const end = 4 + bytes.readInt32BE(0);
  if (bytes.length < end) return undefined;
  const bodyAt = 8 + (bytes.readInt32BE(4) & 0xffffff);
  // The broker's own JSON; only code, remark and fields are read.
  const header = JSON.parse(bytes.toString('utf8', 8, bodyAt)) as Reply['header'];
  return { header, body: bytes.subarray(bodyAt, end) };
}

function exchange(address: string, timeoutMs: number, request: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(':');
    const socket: Socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(setupError(`no RocketMQ broker answers at ${address} (${reason}): its own port is 10911 as installed`));
    };
    const timer = setTimeout(() => fail(`nothing within ${timeoutMs} ms`), timeoutMs);
    let received = Buffer.alloc(0);
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('connection closed'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const reply = decodeReply(received);
      if (!reply) return;
      clearTimeout(timer);
      socket.removeAllListeners('close').destroy();
      resolve(reply);
    });
    socket.write(request);
  });
}

function setupError(message: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}
