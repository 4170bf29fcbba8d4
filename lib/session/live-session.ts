import type { Duplex } from 'node:stream';
import type { CloseInfo, Inbox, Session, SessionSocket } from './session';
import type { CloseWhy } from '../model/close-why';
import type { LoginUser } from '../model/login-user';
import type { TenantSender } from '../model/sender';
import type { SessionHome } from './session-home';
import type { SessionWebSocket, SocketOwner } from './session-socket';
import type { ControlType, Wire } from '../wire/wire';
import type { Frame } from '../wire/frame';
import type { RequestOptions } from './requests';
import { CloseCode, closeSpec } from '../model/close-codes';
import { Outbox } from './outbox';
import { Outgoing } from '../wire/outgoing';
import { PONG_FRAME, isTextPing, textFrame } from '../wire/frame';
import { Requests, rejectedRequest } from './requests';
import { PingAnswers } from './ping-answers';
import { protocolCode } from './session-socket';
import { RealtimeError, describeValue } from '../model/errors';
import { checkType } from '../model/message-type';
import { newSessionId } from './session-id';
import { tenantOf } from '../model/audience';
import { toJsonText } from '../model/json';

const OPEN = 1;
const NO_ROOMS: ReadonlySet<string> = new Set();

/** TCP and TLS sockets count what they read; other streams need not. */
type CountingDuplex = Duplex & { readonly bytesRead?: number };

/** What few sessions ever have: kept apart, so that an idle socket does not pay for it. */
interface Rare {
  data?: Record<string, unknown>;
  sender?: TenantSender;
  requests?: Requests;
  /** Since when reading is paused, on the monotonic clock. */
  pausedAt?: number | undefined;
  /** It overflowed, and has not taken enough since. */
  isSlow?: boolean;
  pingAnswers?: PingAnswers;
}

/** How a session ended. */
interface Ending extends CloseInfo {
  /** Frames that were queued and never written. */
  discarded: number;
}

/** One live socket: what {@link Session} promises, and what hub, heartbeat and inbox need of it. */
export class LiveSession implements Session<LoginUser | null>, SocketOwner {
  readonly id: string;
  loginUser: LoginUser | null;
  readonly socket: SessionSocket;
  readonly wire: Wire;
  /** The beat at which the peer last gave a sign of life. */
  beatSeen: number;
  /** When the expiry clock has something to do for this session; its own note. */
  dueAtMs: number | undefined;
  readonly #host: SessionHome<LiveSession>;
  readonly #tcp: CountingDuplex;
  /** Made with the first message out. */
  #outbox: Outbox | undefined;
  /** Made with the first message in. */
  #inbox: Inbox | undefined;
  #rooms: Set<string> | undefined;
  #bytesSeen: number | undefined = 0;
  #rare: Rare | undefined;
  #ending: Ending | undefined;

  constructor(
    host: SessionHome<LiveSession>,
    ws: SessionWebSocket,
    tcp: Duplex,
    wire: Wire,
    loginUser: LoginUser | null,
  ) {
    this.id = newSessionId(host.nodeId);
    this.loginUser = loginUser;
    this.socket = ws;
    this.wire = wire;
    this.beatSeen = host.beat;
    this.#host = host;
    this.#tcp = tcp;
  }

  /** The tenant as audiences name it; `''` without tenants and for guests. */
  get tenant(): string {
    return tenantOf(this.loginUser);
  }

  get data(): Record<string, unknown> {
    return (this.#uncommon.data ??= {});
  }

  get rooms(): ReadonlySet<string> {
    return this.#rooms ?? NO_ROOMS;
  }

  get sender(): TenantSender {
    return (this.#uncommon.sender ??= this.#host.senderFor(this));
  }

  /** What this session has asked its client. */
  get requests(): Requests {
    return (this.#uncommon.requests ??= new Requests());
  }

  /** Since when reading is paused, on the monotonic clock; `undefined` while it is not. */
  get pausedAt(): number | undefined {
    return this.#rare?.pausedAt;
  }

  get isOpen(): boolean {
    return this.socket.readyState === OPEN && this.#ending === undefined;
  }

  send(type: string, content: unknown): boolean {
    this.#host.checkOutbound(type, content);
    return this.deliver(new Outgoing(checkType(type), toJsonText(content)));
  }

  request(type: string, content: unknown, options: RequestOptions = {}): Promise<unknown> {
    this.#host.checkOutbound(type, content);
    const contentText = toJsonText(content);
    checkType(type);
    if (this.wire.name === 'plain') return rejectedRequest('this client speaks the plain wire, which has no requests');
    return this.requests.ask((id) => this.#control(this.wire.encodeRequest(type, contentText, id)), options);
  }

  /** Takes a renewed login of the same user: every audience of this session stays as it is. */
  renew(loginUser: LoginUser): void {
    this.loginUser = loginUser;
    this.#host.expiry.add(this);
  }

  /** Tells the client something of the protocol; nothing on the plain wire. */
  tell(type: ControlType, content: object): void {
    this.#control(this.wire.encodeControl(type, content));
  }

  join(room: string): void {
    checkRoom(room);
    if (!this.isOpen || this.#rooms?.has(room) === true) return;
    (this.#rooms ??= new Set()).add(room);
    this.#host.hub.join(this, room);
  }

  leave(room: string): void {
    checkRoom(room);
    if (this.#rooms?.delete(room) === true) this.#host.hub.leave(this, room);
  }

  close(code: number = CloseCode.normal, reason = ''): void {
    const spec = closeSpec(code, reason);
    this.end('app', spec.code, spec.reason);
  }

  /** Queues a message. @returns whether it was queued. */
  deliver(outgoing: Outgoing): boolean {
    if (!this.isOpen) return false;
    return this.write(outgoing.frame(this.wire));
  }

  /**
   * Queues one encoded message on the socket.
   *
   * @returns false when nothing was queued: the socket is closing, or more than `maxBufferedBytes` is still unsent
   *   (the session was closed with 4408, or the frame dropped, as `overflow` says).
   */
  write(frame: Frame): boolean {
    const { maxBufferedBytes } = this.#host.limits;
    const outbox = (this.#outbox ??= new Outbox(this.socket, this.#tcp, this.#host.flusher));
    if (!outbox.hasRoomFor(frame, maxBufferedBytes)) return this.#overflow();
    // A small frame that fits between large ones that do not is no end of a slow spell.
    if (this.#rare?.isSlow === true) this.#rare.isSlow = outbox.unsentBytes > maxBufferedBytes / 2;
    outbox.push(frame);
    return true;
  }

  /** Ends the session with a close frame, after what is queued. The first reason stays. */
  end(why: CloseWhy, code: number, reason: string): void {
    if (this.#ending !== undefined) return;
    this.#note(why, code, reason);
    this.#inbox?.close();
    this.#outbox?.flush();
    // A paused socket reads no close frame: the closing handshake would take until ws's own timeout.
    this.resume();
    this.socket.close(code, reason);
  }

  /** Ends the session without waiting for the peer: what is queued is dropped and its memory freed at once. */
  terminate(why: CloseWhy, code: number): void {
    this.#note(why, code, '').discarded += this.#outbox?.discard() ?? 0;
    this.#inbox?.close();
    this.socket.terminate();
  }

  /** Stops reading from the peer; nothing is lost, the peer's own buffers fill. */
  pause(): void {
    if (!this.isOpen || this.pausedAt !== undefined) return;
    this.#uncommon.pausedAt = performance.now();
    this.socket.pause();
  }

  resume(): void {
    if (this.#rare?.pausedAt === undefined) return;
    this.#rare.pausedAt = undefined;
    this.touch();
    this.socket.resume();
  }

  /** One frame of the peer. */
  receive(data: Buffer, isBinary: boolean): void {
    this.beatSeen = this.#host.beat;
    if (!this.isOpen) return;
    if (isBinary) {
      this.end('protocol', CloseCode.unsupportedData, 'binary messages are not supported');
    } else if (isTextPing(data)) {
      this.#answerPing();
    } else {
      (this.#inbox ??= this.#host.openInbox(this)).handleText(data.toString('utf8'), data.length);
    }
  }

  /** The peer broke the protocol, or the line failed; ws closes by itself. */
  fail(error: Error & { readonly code?: string }): void {
    if (error.code?.startsWith('WS_ERR_') !== true) return;
    this.#note('protocol', protocolCode(error.code), '');
    this.#inbox?.close();
  }

  receivePing(payload: Buffer): void {
    this.touch();
    (this.#uncommon.pingAnswers ??= new PingAnswers(this.socket)).answer(payload);
  }

  /** A sign of life. */
  touch(): void {
    this.beatSeen = this.#host.beat;
  }

  /** A long message on a slow line is a sign of life before it is whole: what came during the last beat counts. */
  lookAtLine(): void {
    const { bytesRead } = this.#tcp;
    if (bytesRead === this.#bytesSeen) return;
    this.#bytesSeen = bytesRead;
    this.beatSeen = Math.max(this.beatSeen, this.#host.beat - 1);
  }

  /** The socket is done, whatever ended it: the session leaves the hub. */
  finish(closeCode: number, closeReason: string): void {
    const ending = this.#note(closeCode === CloseCode.abnormal ? 'lost' : 'client', closeCode, closeReason);
    ending.discarded += this.#outbox?.discard() ?? 0;
    this.#inbox?.close();
    this.#rare?.requests?.close();
    const { code, reason, why, discarded } = ending;
    this.#host.hub.remove(this);
    this.#host.expiry.remove(this);
    this.#host.handleClosed(this, { code, reason, why });
    this.#host.onEvent({ name: 'session.closed', sessionId: this.id, code, why, discarded });
  }

  get #uncommon(): Rare {
    return (this.#rare ??= {});
  }

  /**
   * Outside the handlers' queue, and at once, since clients measure the line with it; behind a peer that does not read
   * it waits with the rest, where it is counted.
   */
  #answerPing(): void {
    if (this.write(PONG_FRAME) && this.#tcp.writableLength === 0) this.#outbox?.flush();
  }

  #control(text: string | undefined): boolean {
    return text !== undefined && this.isOpen && this.write(textFrame(text));
  }

  #overflow(): false {
    const { overflow } = this.#host.limits;
    const rare = this.#uncommon;
    if (rare.isSlow !== true) this.#host.onEvent({ name: 'session.slow', sessionId: this.id, policy: overflow });
    rare.isSlow = true;
    if (overflow === 'close') this.#closeSlow();
    return false;
  }

  /** The close frame gets through where the kernel still has room; the memory is freed in any case. */
  #closeSlow(): void {
    this.end('slow', CloseCode.tooSlow, 'too slow');
    this.terminate('slow', CloseCode.tooSlow);
  }

  /** The first reason stays. */
  #note(why: CloseWhy, code: number, reason: string): Ending {
    return (this.#ending ??= { why, code, reason, discarded: 0 });
  }
}

function checkRoom(room: unknown): asserts room is string {
  if (typeof room === 'string' && room !== '') return;
  throw new RealtimeError('ERR_REALTIME_TARGET', `a room must be a non-empty string, got ${describeValue(room)}`);
}
