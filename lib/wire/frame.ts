const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** So long, with its header, it fits the 16,384 bytes that Node writes without other memory (`StreamBase::WriteString`). */
const MAX_TEXT_LENGTH = 16_000;

/**
 * A whole WebSocket frame; never changed, since receivers share it. One that is ASCII but for its header stays a
 * string, a character a byte (`latin1`), which Node writes without a buffer in between.
 */
export type Frame = Buffer | string;

/** How a {@link Frame} is written that is a string. */
export const FRAME_ENCODING = 'latin1';

/**
 * Makes a whole, unmasked, final text frame (RFC 6455 §5.2). Lone surrogates become U+FFFD, so that no receiver
 * drops the connection for invalid UTF-8.
 */
export function textFrame(text: string): Frame {
  const length = Buffer.byteLength(text, 'utf8');
  return length === text.length && length <= MAX_TEXT_LENGTH ? asciiFrame(text) : bytesFrame(text, length);
}

/** Makes one piece of several frames, `bytes` long in all. */
export function joinFrames(frames: readonly Frame[], bytes: number): Frame {
  if (bytes <= MAX_TEXT_LENGTH && frames.every(isText)) return frames.join('');
  const joined = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const frame of frames) at += isText(frame) ? joined.write(frame, at, FRAME_ENCODING) : frame.copy(joined, at);
  return joined;
}

function asciiFrame(text: string): string {
  const { length } = text;
  const header =
    length < LENGTH_16
      ? String.fromCharCode(FIN_TEXT, length)
      : String.fromCharCode(FIN_TEXT, LENGTH_16, length >>> 8, length & 0xff);
  return header + text;
}

function bytesFrame(text: string, length: number): Buffer {
  const headerLength = length < LENGTH_16 ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = FIN_TEXT;
  if (headerLength === 2) {
    frame[1] = length;
  } else if (headerLength === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeUIntBE(0, 2, 2);
    frame.writeUIntBE(length, 4, 6);
  }
  frame.write(text, headerLength, length, 'utf8');
  return frame;
}

function isText(frame: Frame): frame is string {
  return typeof frame === 'string';
}

/** The answer to a text `ping` (seed §1.4), the same for every socket. */
export const PONG_FRAME = textFrame('pong');

/** Tells whether a text frame is the text `ping`. */
export function isTextPing(payload: Buffer): boolean {
  return (
    payload.length === 4 && payload[0] === 0x70 && payload[1] === 0x69 && payload[2] === 0x6e && payload[3] === 0x67
  );
}
