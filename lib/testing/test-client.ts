import type { IncomingHttpHeaders } from 'node:http';
import type { WebSocket } from 'ws';
import type { OutboundContent } from '../model/messages';
import type { ReceivedFrame } from './frame-queue';
import type { RequestId, Wire } from '../wire/wire';
import { FrameQueue } from './frame-queue';
import { V1_PROTOCOL, v1Wire } from '../wire/v1';
import { plainWire } from '../wire/plain';
import { toJsonText } from '../model/json';

/** How a wait is limited. */
export interface WaitOptions {
  /** Default 2,000 ms. */
  readonly timeoutMs?: number;
}

/** How a connection ended; 1006 when no close frame came (RFC 6455 §7.1.5). */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A frame that is a message. */
export type ReceivedMessage = ReceivedFrame & { readonly type: string };

const DEFAULT_TIMEOUT_MS = 2000;
/** How long the server may take to answer a close frame before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * A client for tests: what arrives waits in a queue until it is asked for, each frame once. Every wait ends: with what
 * was wanted, or with an error that says what came instead, when the time is over or the connection is.
 */
export class TestClient {
  /** Resolves when the connection is over; never rejects. */
  readonly closed: Promise<Closed>;
  /** The headers of the answer to the handshake. */
  readonly headers: IncomingHttpHeaders;
  /** The client's socket, for what only that can do: `ping()`, `pause()`, binary messages. */
  readonly socket: WebSocket;
  readonly #queue = new FrameQueue();

  /** Made by `connect`. */
  constructor(socket: WebSocket, headers: IncomingHttpHeaders) {
    this.socket = socket;
    this.headers = headers;
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    // A frame that breaks the protocol is told by `closed`.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason: Buffer) => {
        const closed: Closed = { code, reason: reason.toString('utf8') };
        this.#queue.end(`the connection was closed: ${closed.code} ${closed.reason}`.trimEnd());
        resolve(closed);
      });
    });
  }

  /** The subprotocol that the server selected; `''` when none. */
  get protocol(): string {
    return this.socket.protocol;
  }

  /** What came and was not asked for yet, the oldest first. */
  get unread(): readonly ReceivedFrame[] {
    return this.#queue.frames;
  }

  /**
   * Takes the oldest unread message of a type; messages of other types stay queued.
   *
   * @returns its content.
   */
  async next<Type extends string>(
    type: Type,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions = {},
  ): Promise<OutboundContent<Type>> {
    const frame = await this.#queue.take(`a message of type ${type}`, (each) => each.type === type, timeoutMs);
    // The server's types say what it pushes under this type; a test that looks at it finds out if they are wrong.
    return frame.content;
  }

  /** Takes the oldest unread message, whatever its type. */
  async nextMessage({ timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions = {}): Promise<ReceivedMessage> {
    return this.#queue.take('a message', isMessage, timeoutMs);
  }

  /** Takes the oldest unread frame as text, message or not (`pong` is none). */
  async nextText({ timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions = {}): Promise<string> {
    const frame = await this.#queue.take('a frame', () => true, timeoutMs);
    return frame.text;
  }

  /**
   * Sends a message, as the selected wire writes it.
   *
   * @param content any JSON value; without it the message has none.
   * @param id asks for a reply; only where the server selected `express-realtime.v1`.
   */
  send(type: string, content?: unknown, id?: RequestId): void {
    if (content === undefined) return this.sendText(JSON.stringify({ type, id }));
    const contentText = toJsonText(content);
    const text = id === undefined ? undefined : this.#wire.encodeRequest(type, contentText, id);
    this.sendText(text ?? this.#wire.encode(type, contentText));
  }

  /** Sends a text frame as it is. */
  sendText(text: string): void {
    this.socket.send(text);
  }

  /** Closes, and cuts the line if the server does not answer within 2,000 ms. Default code 1000. */
  async close(code = 1000, reason = ''): Promise<Closed> {
    const timer = setTimeout(() => this.socket.terminate(), CLOSE_TIMEOUT_MS);
    this.socket.close(code, reason);
    const closed = await this.closed;
    clearTimeout(timer);
    return closed;
  }

  /** Cuts the line without a close frame. */
  async terminate(): Promise<Closed> {
    this.socket.terminate();
    return this.closed;
  }

  get #wire(): Wire {
    return this.socket.protocol === V1_PROTOCOL ? v1Wire : plainWire;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const text = data.toString(isBinary ? 'base64' : 'utf8');
    const message = isBinary ? 'bad_message' : this.#wire.decode(text);
    this.#queue.push(typeof message === 'string' ? { text } : { text, ...message });
  }
}

function isMessage(frame: ReceivedFrame): frame is ReceivedMessage {
  return frame.type !== undefined;
}
