import type { FrameText } from './relay';
import type { RelayDroppedWhy } from '../model/events';

/**
 * One broker message: `R1\n`, then frames, each as `<header bytes> <content bytes>\n<header>\n<content>`.
 * The lengths are decimal text, so that a batch is written as one string, and read by an operator as it is.
 */
const LEAD = 'R1\n';
/** More digits than any bound allows. */
const MAX_DIGITS = 9;
const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
const LETTER_R = 0x52;

/** Where one frame lies in the bytes of a batch. */
export interface FrameSlice {
  readonly headFrom: number;
  readonly headTo: number;
  readonly contentFrom: number;
  readonly contentTo: number;
}

/** Writes a batch. `stamp` gives the end of the next header. */
export function encodeBatch(frames: readonly FrameText[], stamp: () => string): Buffer {
  let text = LEAD;
  let length = LEAD.length;
  for (const frame of frames) {
    const end = stamp();
    const sizes = `${frame.headBytes + end.length} ${frame.contentBytes}\n`;
    text += `${sizes}${frame.head}${end}\n${frame.content}`;
    length += sizes.length + frame.headBytes + end.length + 1 + frame.contentBytes;
  }
  const bytes = Buffer.from(text, 'utf8');
  // The lengths were counted frame by frame: a text that became longer or shorter as a whole must not leave.
  if (bytes.length !== length) throw new Error('a batch was not written as it was measured');
  return bytes;
}

/** How much of a batch is taken. */
export interface BatchLimits {
  readonly maxFrameBytes: number;
  readonly maxBytes: number;
  readonly maxFrames: number;
}

/**
 * Finds the frames of a batch. All of it must be whole: of a batch that was cut nothing is taken.
 *
 * @returns the frames, or why the batch is dropped. Never throws.
 */
export function splitBatch(bytes: Buffer, limits: BatchLimits): readonly FrameSlice[] | RelayDroppedWhy {
  if (bytes.length > limits.maxBytes) return 'oversize';
  if (bytes.length < LEAD.length || bytes[0] !== LETTER_R || bytes[2] !== NEWLINE) return 'malformed';
  if (bytes[1] !== ZERO + 1) return 'version';
  const slices: FrameSlice[] = [];
  let from = LEAD.length;
  while (from < bytes.length) {
    const slice = sliceAt(bytes, from, limits.maxFrameBytes);
    if (typeof slice === 'string') return slice;
    if (slices.push(slice) > limits.maxFrames) return 'oversize';
    from = slice.contentTo;
  }
  return slices.length === 0 ? 'malformed' : slices;
}

function sliceAt(bytes: Buffer, from: number, maxFrameBytes: number): FrameSlice | RelayDroppedWhy {
  const space = endOfNumber(bytes, from);
  const newline = endOfNumber(bytes, space + 1);
  if (bytes[space] !== SPACE || bytes[newline] !== NEWLINE) return 'malformed';
  const headBytes = numberAt(bytes, from, space);
  const contentBytes = numberAt(bytes, space + 1, newline);
  if (headBytes + contentBytes > maxFrameBytes) return 'oversize';
  const headFrom = newline + 1;
  const headTo = headFrom + headBytes;
  const contentTo = headTo + 1 + contentBytes;
  if (contentTo > bytes.length || bytes[headTo] !== NEWLINE) return 'malformed';
  return { headFrom, headTo, contentFrom: headTo + 1, contentTo };
}

/** Where the digits end; `from` itself when there are none or too many. */
function endOfNumber(bytes: Buffer, from: number): number {
  let at = from;
  while (at - from <= MAX_DIGITS && isDigit(bytes[at])) at += 1;
  return at - from > MAX_DIGITS ? from : at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function numberAt(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + (bytes[at] ?? ZERO) - ZERO;
  return value;
}
