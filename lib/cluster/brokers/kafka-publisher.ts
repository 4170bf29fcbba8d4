import type { IHeaders, Producer } from 'kafkajs';
import { BatchSender } from './batch-sender';
import type { Outbound } from './batch-sender';
import type { NodeId } from './broker';

/** Where and as whom a node publishes. */
export interface KafkaRoute {
  readonly topic: string;
  /** The application: nodes of another one skip the message. */
  readonly app: string;
  readonly nodeId: NodeId;
  /** Numbers the messages of this node: kafkajs repeats a send that is not answered in time. */
  readonly takeNumber: () => number;
}

/** Kafka's own limit is 1,048,588 bytes for the whole batch (`message.max.bytes`). */
const batch = { maxCount: 500, maxBytes: 900_000 };

/** Publishes to a topic; one key per node keeps what a node publishes in one partition, and so in order. */
export function kafkaSender(
  producer: Producer,
  { topic, app, nodeId, takeNumber }: KafkaRoute,
  timeoutMs: number,
): BatchSender {
  const message = ({ bytes, to }: Outbound) => ({
    key: nodeId,
    value: bytes,
    headers: headersFor(app, takeNumber(), to),
  });
  return new BatchSender({
    ...{ ...batch, timeoutMs },
    send: async (parts) => {
      await producer.send({ topic, acks: 1, messages: parts.map(message) });
    },
    canJoin: () => true,
    isTooLarge: (fault) => (fault as { readonly type?: unknown } | null)?.type === 'MESSAGE_TOO_LARGE',
  });
}

function headersFor(app: string, number: number, to: 'all' | readonly NodeId[]): IHeaders {
  const headers = { app, number: String(number) };
  return to === 'all' ? headers : { ...headers, to: to.join(',') };
}

/** The number that the sender gave its message; undefined when it is none of ours. */
export function numberOf(headers: IHeaders | undefined): number | undefined {
  const number = Number(headers?.['number']);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** Whether a message is for this node: of this application, and to all or to this node by name. */
export function isFor(headers: IHeaders | undefined, app: Buffer, nodeId: NodeId): boolean {
  const ofApp = headers?.['app'];
  if (!Buffer.isBuffer(ofApp) || !app.equals(ofApp)) return false;
  const to = headers?.['to'];
  return to === undefined || (Buffer.isBuffer(to) && to.toString('utf8').split(',').includes(nodeId));
}
