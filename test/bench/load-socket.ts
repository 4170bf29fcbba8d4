import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';

/** How a load socket speaks: WebSocket messages as all ws peers, v1, or Socket.IO's packets inside them. */
export type Flavour = 'plain' | 'v1' | 'socket.io';

const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;

/**
 * A WebSocket client that costs as little as possible, so that the load does not hide the server: raw TCP, frames
 * counted, payloads read only where the protocol asks for it.
 */
export class LoadSocket {
  readonly #socket: Socket;
  readonly #flavour: Flavour;
  #pending: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  /** Called for each message; the payload is a view into a buffer that is reused. */
  onMessage: (payload: Buffer) => void = () => undefined;
  onOpen: (error?: Error) => void = () => undefined;
  onClose: () => void = () => undefined;

  constructor(
    port: number,
    path: string,
    headers: readonly string[],
    flavour: Flavour,
    readonly user: number,
  ) {
    this.#flavour = flavour;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const key = randomBytes(16).toString('base64');
    this.#socket.on('error', (error) => this.onOpen(error));
    this.#socket.on('close', () => this.onClose());
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.write(
      [
        `GET ${path} HTTP/1.1`,
        'Host: 127.0.0.1',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Key: ${key}`,
        'Sec-WebSocket-Version: 13',
        ...headers,
        '\r\n',
      ].join('\r\n'),
    );
  }

  send(text: string): void {
    this.#socket.write(maskedFrame(0x81, Buffer.from(text)));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  #read(chunk: Buffer): void {
    const data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let offset = this.#isUpgraded ? 0 : this.#readUpgrade(data);
    if (offset === -1) {
      this.#pending = data;
      return;
    }
    for (;;) {
      const next = this.#readFrame(data, offset);
      if (next === offset) break;
      offset = next;
    }
    this.#pending = data.subarray(offset);
  }

  #readUpgrade(data: Buffer): number {
    const end = data.indexOf('\r\n\r\n');
    if (end === -1) return -1;
    const status = data.toString('latin1', 9, 12);
    this.#isUpgraded = true;
    if (status !== '101') this.onOpen(new Error(`refused with ${status}`));
    else if (this.#flavour !== 'socket.io') this.onOpen();
    return end + 4;
  }

  /** @returns where the next frame begins; the same place when this one is not whole yet. */
  #readFrame(data: Buffer, at: number): number {
    if (data.length < at + 2) return at;
    const opcode = (data[at] ?? 0) & 0x0f;
    let length = data[at + 1] ?? 0;
    let header = 2;
    if (length === 126) {
      if (data.length < at + 4) return at;
      length = data.readUInt16BE(at + 2);
      header = 4;
    } else if (length === 127) {
      if (data.length < at + 10) return at;
      length = Number(data.readBigUInt64BE(at + 2));
      header = 10;
    }
    const end = at + header + length;
    if (data.length < end) return at;
    const payload = data.subarray(at + header, end);
    if (opcode === OPCODE_TEXT) this.#text(payload);
    else if (opcode === OPCODE_PING) this.#socket.write(maskedFrame(0x8a, payload));
    else if (opcode === OPCODE_CLOSE) this.#socket.end();
    return end;
  }

  #text(payload: Buffer): void {
    if (this.#flavour === 'socket.io') return this.#packet(payload);
    return this.onMessage(payload);
  }

  /** Engine.IO 4: `0` open, `2` ping, `4` message; Socket.IO inside: `40` connected, `42` event, `43` ack. */
  #packet(payload: Buffer): void {
    const first = payload[0];
    if (first === 0x30) this.send('40');
    else if (first === 0x32) this.send('3');
    else if (first === 0x34 && payload[1] === 0x30) this.onOpen();
    else if (first === 0x34) this.onMessage(payload);
  }
}

/** A masked client frame; the mask is all zero, which is allowed and costs the client nothing. */
function maskedFrame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 6 : 8);
  header[0] = first;
  if (length < 126) header[1] = 0x80 | length;
  else {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(length, 2);
  }
  return Buffer.concat([header, payload]);
}
