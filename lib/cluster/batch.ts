import type { FrameText } from './relay';
import type { NodeId } from './brokers/broker';
import type { RelayDroppedWhy } from '../model/events';
import { isCount, isFields } from './relay-check';

/**
 * One broker message: `R1 <node> <to> <header bytes>\n<header>\n`, then the contents of its frames one after the other,
 * verbatim. The lead has what a node needs to pass over a batch unread: whose it is, and for whom (`*` = all).
 * The header is one JSON object for all frames, since parsing it costs more than all else that the way here costs:
 *
 * | field | meaning |
 * |---|---|
 * | `seq` | counts the frames of one sender on one route (all, or one node), from 1; that of the first frame, the others follow |
 * | `at` | the sender's clock when the first frame was sent, ms since 1970; the others follow within a second |
 * | `bytes` | how long each frame's content is |
 * | `frames` | the frames' own fields, as `relay` has them |
 *
 * `R1` is the version: what begins with another number is skipped and counted. Fields that are not known are ignored.
 */
const VERSION = '1';
const TO_ALL = '*';
const LEAD = /^R(\d{1,9}) (?:([\w-]{1,64}) ([\w-]{1,64}|\*) (\d{1,9})\n)?/;
/** What {@link LEAD} matches at most. */
const MAX_LEAD_BYTES = 160;
const NEWLINE = 10;

/** What leaves as one broker message. */
export interface BatchText {
  readonly node: NodeId;
  /** The one node that it is for; `undefined` = all. */
  readonly to: NodeId | undefined;
  readonly seq: number;
  readonly at: number;
  readonly frames: readonly FrameText[];
}

/** Writes a batch. */
export function encodeBatch({ node, to, seq, at, frames }: BatchText): Buffer {
  const sizes = frames.map(({ contentBytes }) => contentBytes).join();
  let header = `{"seq":${seq},"at":${at},"bytes":[${sizes}],"frames":[`;
  let headerBytes = header.length + frames.length + 1;
  let contents = '';
  let contentBytes = 0;
  let comma = '';
  for (const frame of frames) {
    header += comma + frame.head;
    headerBytes += frame.headBytes;
    contents += frame.content;
    contentBytes += frame.contentBytes;
    comma = ',';
  }
  const lead = `R${VERSION} ${node} ${to ?? TO_ALL} ${headerBytes}\n`;
  const bytes = Buffer.from(`${lead}${header}]}\n${contents}`, 'utf8');
  // The lengths were counted frame by frame: a text that became longer or shorter as a whole must not leave.
  if (bytes.length !== lead.length + headerBytes + 1 + contentBytes) {
    throw new Error('a batch was not written as it was measured');
  }
  return bytes;
}

/** The first line of a batch. */
export interface BatchLead {
  readonly node: NodeId;
  readonly to: NodeId | undefined;
  readonly headerFrom: number;
  readonly headerTo: number;
}

/** How much of a batch is taken. */
export interface BatchLimits {
  /** Of one content. */
  readonly maxFrameBytes: number;
  readonly maxBytes: number;
  readonly maxFrames: number;
}

/** Reads the first line of a batch. @returns it, or why the batch is dropped. Never throws. */
export function readLead(bytes: Buffer, maxBytes: number): BatchLead | RelayDroppedWhy {
  if (bytes.length > maxBytes) return 'oversize';
  const match = LEAD.exec(bytes.toString('latin1', 0, Math.min(bytes.length, MAX_LEAD_BYTES)));
  if (match === null) return 'malformed';
  const [{ length: headerFrom }, version, node, to, headerBytes] = match;
  if (version !== VERSION) return 'version';
  if (node === undefined) return 'malformed';
  const headerTo = headerFrom + Number(headerBytes);
  if (headerTo >= bytes.length) return headerTo >= maxBytes ? 'oversize' : 'malformed';
  if (bytes[headerTo] !== NEWLINE) return 'malformed';
  return { node, to: to === TO_ALL ? undefined : to, headerFrom, headerTo };
}

/** A batch whose lengths are right; its frames are not looked at yet. */
export interface ReceivedBatch {
  readonly seq: number;
  readonly at: number;
  readonly sizes: readonly number[];
  readonly frames: readonly unknown[];
  /** Where the first content begins. */
  readonly contentsFrom: number;
}

/**
 * Reads the header of a batch. All of the batch must be whole: of one that was cut nothing is taken.
 *
 * @returns it, or why the batch is dropped. Never throws.
 */
export function readBatch(bytes: Buffer, lead: BatchLead, limits: BatchLimits): ReceivedBatch | RelayDroppedWhy {
  const header = parse(bytes.toString('utf8', lead.headerFrom, lead.headerTo));
  if (!isFields(header)) return 'malformed';
  const { seq, at, bytes: sizes, frames } = header;
  if (!isCount(seq) || !isCount(at) || !Array.isArray(frames) || !isSizes(sizes)) return 'malformed';
  if (frames.length !== sizes.length || frames.length === 0) return 'malformed';
  if (frames.length > limits.maxFrames) return 'oversize';
  if (!isCount(seq + frames.length)) return 'malformed';
  const contentsFrom = lead.headerTo + 1;
  let end = contentsFrom;
  for (const size of sizes) {
    if (size > limits.maxFrameBytes) return 'oversize';
    end += size;
  }
  return end === bytes.length ? { seq, at, sizes, frames, contentsFrom } : 'malformed';
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => size === 0 || isCount(size));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
