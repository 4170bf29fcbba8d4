import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { Waiters } from './support';

/** A frame as it stood on the wire. */
export interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly hasRsv1: boolean;
  readonly payload: Buffer;
}

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A peer that does only what it is told: answers no ping and no close, unlike any WebSocket library. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** The answer to the request: status line and headers. */
  head = '';
  #bytes = Buffer.alloc(0);
  #isClosed = false;
  readonly #waiters = new Waiters();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#waiters.look();
    });
    socket.on('end', () => this.#waiters.look());
  }

  /** Sends an upgrade request and resolves with its answer, whatever that is. */
  static async open(url: string, headers: readonly string[] = []): Promise<RawPeer> {
    const { hostname, port, pathname, search } = new URL(url);
    return RawPeer.request(Number(port), `GET ${pathname}${search} HTTP/1.1`, [
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      ...headers,
    ]);
  }

  /** Sends any request to this machine and resolves when its answer has begun. */
  static async request(port: number, line: string, headers: readonly string[]): Promise<RawPeer> {
    const peer = new RawPeer(connect(port, '127.0.0.1'));
    peer.socket.write([line, ...headers, '\r\n'].join('\r\n'));
    await peer.#waiters.until(() => peer.head !== '' || peer.#isClosed);
    return peer;
  }

  get status(): number {
    return Number(this.head.split(' ')[1] ?? 0);
  }

  /** What came after the head of an answer that is no upgrade. */
  get body(): string {
    return this.status === 101 ? '' : this.#bytes.toString('utf8');
  }

  /** One header of the answer. */
  header(name: string): string | undefined {
    const line = this.head.split('\r\n').find((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return line?.slice(name.length + 1).trim();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The text of all text frames, in order. */
  get texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === Opcode.text).map(({ payload }) => payload.toString('utf8'));
  }

  count(opcode: number): number {
    return this.frames.filter((frame) => frame.opcode === opcode).length;
  }

  /** Resolves once `count` frames of a kind have come in all; rejects when the socket closes before that. */
  async got(opcode: number, count = 1): Promise<void> {
    await this.#waiters.until(() => this.count(opcode) >= count || this.#isClosed);
    if (this.count(opcode) < count) throw new Error(`closed after ${this.count(opcode)} frames of ${count}`);
  }

  /** Resolves once a condition holds that only what came can change, or the socket is closed. */
  async until(isMet: () => boolean): Promise<void> {
    await this.#waiters.until(() => isMet() || this.#isClosed);
  }

  /** Resolves once the TCP connection is over. */
  async gone(): Promise<void> {
    await this.#waiters.until(() => this.#isClosed);
  }

  send(opcode: number, payload: Buffer | string = ''): void {
    this.socket.write(maskedFrame(opcode, Buffer.from(payload)));
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.head === '' && !this.#takeHead()) return;
    for (let frame = this.#takeFrame(); frame !== undefined; frame = this.#takeFrame()) this.frames.push(frame);
    this.#waiters.look();
  }

  #takeHead(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) return false;
    this.head = this.#bytes.toString('latin1', 0, end);
    this.#bytes = this.#bytes.subarray(end + 4);
    return true;
  }

  #takeFrame(): Frame | undefined {
    const bytes = this.#bytes;
    const [first, second] = bytes;
    if (this.status !== 101 || first === undefined || second === undefined) return undefined;
    const short = second & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? bytes.readUIntBE(4, 6) : short;
    if (bytes.length < start + length) return undefined;
    this.#bytes = bytes.subarray(start + length);
    return {
      opcode: first & 0x0f,
      isFinal: (first & 0x80) !== 0,
      hasRsv1: (first & 0x40) !== 0,
      payload: Buffer.from(bytes.subarray(start, start + length)),
    };
  }
}

/** A frame as a client sends it (RFC 6455 §5.3), masked with 01 02 03 04. */
export function maskedFrame(opcode: number, payload: Buffer, { isFinal = true } = {}): Buffer {
  const { length } = payload;
  const size = length < 126 ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.alloc(size + 4 + length);
  frame[0] = opcode | (isFinal ? 0x80 : 0);
  frame[1] = 0x80 | (size === 2 ? length : size === 4 ? 126 : 127);
  if (size === 4) frame.writeUInt16BE(length, 2);
  if (size === 10) frame.writeUIntBE(length, 4, 6);
  for (let index = 0; index < 4; index += 1) frame[size + index] = index + 1;
  for (const [index, byte] of payload.entries()) frame[size + 4 + index] = byte ^ ((index & 3) + 1);
  return frame;
}
