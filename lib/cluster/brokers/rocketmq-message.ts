import type { MessageOptions, MessageView } from 'rocketmq-client-nodejs';
import type { NodeId } from './broker';

/** What a message is for: frames of the node, or one of ours. */
export type RocketmqKind =
  | 'frames'
  /** Comes back to its own sender: the way here and back is whole. */
  | 'probe'
  /** To a node that probes on a slot in use: go away. */
  | 'taken'
  /** Ends the poll of a consumer that closes; otherwise it would swallow the next message. */
  | 'wake';

/** What a message is about. */
export interface RocketmqNews {
  readonly kind: RocketmqKind;
  /** Absent = all. */
  readonly to?: readonly NodeId[];
  /** Of frames and probes: the sender's number. Of `taken`: how often it has been passed on. */
  readonly count?: number;
  /** Of a probe and of `taken`: whether its sender holds the slot, and does not only claim it. */
  readonly isProven?: boolean;
}

/** The head of a message, carried in its properties: others skip it without a look at the body. */
export interface RocketmqHead extends RocketmqNews {
  readonly app: string;
  readonly node: NodeId;
  readonly slot: string;
}

const kinds: readonly string[] = ['frames', 'probe', 'taken', 'wake'] satisfies readonly RocketmqKind[];
/** RocketMQ refuses a message without body. */
const emptyBody = Buffer.from('-');

/**
 * A message for the topic.
 *
 * @param tag `all`, or that of a slot: the broker gives it to that slot's group only.
 */
export function writeMessage(topic: string, tag: string, head: RocketmqHead, body: Buffer = emptyBody): MessageOptions {
  const properties = new Map([
    ['app', head.app],
    ['node', head.node],
    ['slot', head.slot],
    ['kind', head.kind],
  ]);
  if (head.isProven === true) properties.set('proven', '1');
  if (head.to) properties.set('to', head.to.join(','));
  properties.set('count', String(head.count ?? 0));
  return { topic, tag, body, properties };
}

/** The head of a message; undefined when it is none of ours. */
export function readHead({ properties }: MessageView): RocketmqHead | undefined {
  const [app, node, slot, kind] = [...['app', 'node', 'slot', 'kind'].map((key) => properties.get(key))];
  if (app === undefined || node === undefined || slot === undefined || !isKind(kind)) return undefined;
  const to = properties.get('to');
  const count = Number(properties.get('count'));
  if (!Number.isSafeInteger(count) || count < 0) return undefined;
  const isProven = properties.get('proven') === '1';
  return { app, node, slot, kind, count, isProven, ...(to !== undefined && { to: to.split(',') }) };
}

function isKind(kind: string | undefined): kind is RocketmqKind {
  return kind !== undefined && kinds.includes(kind);
}

/** The tag that only the node of this slot subscribes to. */
export function slotTag(slot: string): string {
  return `n${slot}`;
}

/** Several frames in one body, each with its length before it (32 bits). */
export function packFrames(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(frames.flatMap((frame) => [lengthOf(frame), frame]));
}

function lengthOf(frame: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(frame.length, 0);
  return length;
}

/** Several times what is sent in one body; whoever may publish must not make a million of one message. */
const MAX_FRAMES = 4000;

/** The frames of a body, as parts of it; what is cut off is left out, and all that follows a frame of no length. */
export function unpackFrames(body: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 < body.length && frames.length < MAX_FRAMES;) {
    const length = body.readUInt32BE(at);
    const end = at + 4 + length;
    if (length === 0 || end > body.length) break;
    frames.push(body.subarray(at + 4, end));
    at = end;
  }
  return frames;
}
