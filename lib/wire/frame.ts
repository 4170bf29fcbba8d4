const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * Makes a whole, unmasked, final text frame (RFC 6455 §5.2). Lone surrogates become U+FFFD, so that no receiver
 * drops the connection for invalid UTF-8.
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text, 'utf8');
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

/** The answer to a text `ping` (seed §1.4), the same buffer for every socket. */
export const PONG_FRAME = textFrame('pong');

/** Tells whether a text frame is the text `ping`. */
export function isTextPing(payload: Buffer): boolean {
  return (
    payload.length === 4 && payload[0] === 0x70 && payload[1] === 0x69 && payload[2] === 0x6e && payload[3] === 0x67
  );
}
