import type { HandlerClock } from './handler-clock';
import type { HandlerMap } from './registry';
import type { Inbox } from '../session/session';
import type { Incoming, RequestId } from '../wire/wire';
import type { LiveSession } from '../session/live-session';
import type { LoginUser } from '../model/login-user';
import type { MessageErrorBody, MessageErrorCode } from '../model/message-errors';
import type { OnEvent } from '../model/events';
import type { RateLimits } from './rate-limit';
import type { RenewLogin } from '../model/renewal';
import type { Report } from '../session/report';
import { CloseCode } from '../model/close-codes';
import { MESSAGE_ERRORS, MessageError, messageErrorBody } from '../model/message-errors';
import { RealtimeError } from '../model/errors';
import { HandlerContext, RunningHandler } from './running-handler';
import { Refusal, dispatch } from './dispatch';
import { TokenBucket } from './rate-limit';
import { isThenable } from '../model/thenable';
import { printable } from '../model/events';
import { renewSession } from './renew-session';
import { textFrame } from '../wire/frame';
import { toJsonText } from '../model/json';

/** The limits of one session's way in; 0 = no limit. */
export interface InboundLimits extends RateLimits {
  /** How many messages may wait behind a running handler; more are refused. */
  readonly maxQueuedMessages: number;
  /** Above this many waiting bytes the socket is not read until half of them are done. */
  readonly maxQueuedBytes: number;
}

/** What all inboxes of one attach share. */
export interface InboundHost {
  readonly handlers: HandlerMap;
  readonly limits: InboundLimits;
  readonly clock: HandlerClock;
  readonly report: Report;
  /** Absent where nothing logs in: `$auth` is refused. */
  readonly renewLogin?: RenewLogin;
  /** Tells whether a login was revoked; default: none was. */
  readonly isRevoked?: (loginUser: LoginUser) => boolean;
  readonly onEvent: OnEvent;
}

interface Queued {
  readonly message: Incoming;
  readonly bytes: number;
}

/** The way in of one session: decodes, limits, and runs its messages one after another in the order they came. */
export class SessionInbox implements Inbox {
  readonly #host: InboundHost;
  readonly #session: LiveSession;
  readonly #bucket: TokenBucket | undefined;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #running: RunningHandler | undefined;
  /** How many messages in a row were refused because too many waited. */
  #refusedBusy = 0;
  #isRenewing = false;

  constructor(host: InboundHost, session: LiveSession) {
    this.#host = host;
    this.#session = session;
    const { maxMessagesPerSecond, maxBytesPerSecond } = host.limits;
    if (maxMessagesPerSecond !== 0 || maxBytesPerSecond !== 0) this.#bucket = new TokenBucket(host.limits);
  }

  handleText(text: string, bytes: number): void {
    const message = this.#session.wire.decode(text);
    const rate = this.#bucket?.take(bytes) ?? 'ok';
    if (rate === 'flood') return this.#session.end('flood', CloseCode.tooMany, 'too many messages');
    if (rate === 'over') return this.#refuse('rate_limited', typeof message === 'string' ? undefined : message);
    if (typeof message === 'string') return this.#refuse(message, undefined);
    if (this.#session.wire.name === 'v1' && message.type.startsWith('$')) return this.#control(message);
    if (this.#running === undefined) this.#run(message);
    else this.#enqueue(message, bytes);
  }

  close(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#running?.abort();
  }

  /** Frames of the protocol go past the queue: a handler may be waiting for just this reply. Unknown ones are ignored. */
  #control({ type, id, content }: Incoming): void {
    if (type === '$auth') return void this.#renew(id, content);
    if (id === undefined) return;
    if (type === '$reply') this.#session.requests.settle(id, content);
    else if (type === '$error') this.#session.requests.refuse(id, content);
  }

  /** One at a time: each runs the application's login. */
  async #renew(id: RequestId | undefined, content: unknown): Promise<void> {
    const { renewLogin, report, isRevoked = () => false } = this.#host;
    if (this.#isRenewing || renewLogin === undefined) return this.#answerError(id, messageErrorBody('busy'));
    this.#isRenewing = true;
    const answer = await renewSession(this.#session, content, { renewLogin, isRevoked, report });
    this.#isRenewing = false;
    if (answer === undefined) return;
    if ('error' in answer) return this.#answerError(id, answer.error);
    if (id !== undefined) this.#answer(this.#session.wire.encodeReply(id, JSON.stringify(answer)));
  }

  #enqueue(message: Incoming, bytes: number): void {
    const { maxQueuedMessages, maxQueuedBytes } = this.#host.limits;
    if (maxQueuedMessages !== 0 && this.#queue.length >= maxQueuedMessages) return this.#refuseBusy(message);
    this.#queue.push({ message, bytes });
    this.#queuedBytes += bytes;
    if (maxQueuedBytes !== 0 && this.#queuedBytes > maxQueuedBytes) this.#session.pause();
  }

  /** A peer that fills the queue and then sends as much again does not listen: it has to go. */
  #refuseBusy(message: Incoming): void {
    this.#refusedBusy += 1;
    this.#refuse('busy', message);
    if (this.#refusedBusy <= this.#host.limits.maxQueuedMessages) return;
    this.#session.end('flood', CloseCode.tooMany, 'too many messages');
  }

  #run(message: Incoming): void {
    const context = new HandlerContext(message);
    let result: unknown;
    try {
      result = dispatch(this.#host.handlers, this.#session, message, context);
      // In here too: the `then` of what a handler returned may be a getter that throws.
      if (isThenable(result)) return this.#wait(result, context, message);
    } catch (error) {
      return this.#fail(error, message);
    }
    this.#finish(result, message);
  }

  #wait(result: PromiseLike<unknown>, context: HandlerContext, message: Incoming): void {
    const running = new RunningHandler(context, () => this.#expire(message));
    this.#running = running;
    // It may have closed its own session before it first waited.
    if (!this.#session.isOpen) running.abort();
    this.#host.clock.start(running);
    // `then` of a foreign thenable may be anything: one real promise, both ends handled.
    Promise.resolve(result)
      .then(
        (value) => this.#settle(running, () => this.#finish(value, message)),
        (error: unknown) => this.#settle(running, () => this.#fail(error, message)),
      )
      .catch((fault: unknown) => this.#host.report(fault, { session: this.#session, type: message.type }));
  }

  /** A handler that overran its time was settled already; what it does later is nobody's business. */
  #settle(running: RunningHandler, conclude: () => void): void {
    if (this.#running !== running) return;
    this.#host.clock.stop(running);
    this.#running = undefined;
    conclude();
    this.#next();
  }

  #expire(message: Incoming): void {
    this.#running = undefined;
    const error = new RealtimeError('ERR_REALTIME_TIMEOUT', 'a handler took longer than handlerTimeoutMs');
    this.#host.report(error, { session: this.#session, type: message.type });
    this.#answerError(message.id, messageErrorBody('timeout'));
    this.#next();
  }

  #next(): void {
    while (this.#running === undefined) {
      const queued = this.#queue.shift();
      if (queued === undefined) break;
      this.#queuedBytes -= queued.bytes;
      this.#run(queued.message);
    }
    if (this.#queue.length === 0) this.#refusedBusy = 0;
    if (this.#queuedBytes <= this.#host.limits.maxQueuedBytes / 2) this.#session.resume();
  }

  #finish(value: unknown, message: Incoming): void {
    if (value instanceof Refusal) return this.#refuse(value.code, message);
    if (message.id === undefined) return;
    try {
      this.#answer(this.#session.wire.encodeReply(message.id, toJsonText(value ?? null)));
    } catch (error) {
      this.#fail(error, message);
    }
  }

  /** A {@link MessageError} is an answer; anything else is a fault: told to the app, not to the peer. */
  #fail(error: unknown, message: Incoming): void {
    if (error instanceof MessageError) return this.#answerError(message.id, error.toBody());
    this.#host.report(error, { session: this.#session, type: message.type });
    this.#answerError(message.id, messageErrorBody('internal'));
  }

  #answerError(id: RequestId | undefined, error: MessageErrorBody): void {
    this.#answer(this.#session.wire.encodeError(id, error));
  }

  /** The plain wire has no answers and stays silent, as the seed does. */
  #answer(text: string | undefined): void {
    if (text !== undefined && this.#session.isOpen) this.#session.write(textFrame(text));
  }

  #refuse(code: MessageErrorCode, message: Incoming | undefined): void {
    const type = message === undefined ? undefined : printable(message.type);
    const session = this.#session;
    this.#host.onEvent({
      name: 'message.refused',
      sessionId: session.id,
      code,
      ...(type === undefined ? {} : { type }),
    });
    this.#answerError(isAnswer(message) ? undefined : message?.id, messageErrorBody(code));
    const what = type === undefined ? 'a message' : `a message of type ${type}`;
    this.#host.report(
      new RealtimeError('ERR_REALTIME_REFUSED', `${what} was refused: ${code}: ${MESSAGE_ERRORS[code].message}`),
      type === undefined ? { session } : { session, type },
    );
  }
}

/** The id of an answer is one of ours: an error that carried it would answer some request of the peer instead. */
function isAnswer(message: Incoming | undefined): boolean {
  return message?.type === '$reply' || message?.type === '$error';
}
