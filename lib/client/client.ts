import type { ClientOptions, ResolvedClientOptions } from './options';
import type { ClientRequestOptions } from './requests';
import type { ClientStatus, RealtimeClient, StatusChange } from './realtime-client';
import type { LineEnd, LineMessage } from './line';
import { ClientError, errorOf } from './errors';
import { ClientRequests } from './requests';
import { Line } from './line';
import { listenToPage } from './wake';
import { resolveClientOptions, timerMs } from './options';

/** A message that waits for a line; a request has an id. */
interface Queued {
  readonly id: number | undefined;
  readonly text: string;
}

/** Close codes of 44xx say: do not come back as you are; these two only say: not so fast. */
const RETRY_CODES: readonly number[] = [4408, 4429];

/** Makes a {@link RealtimeClient}: opens at once, and again after each loss, until `close` or a final close code. */
export class Client implements RealtimeClient {
  readonly #url: string;
  readonly #options: ResolvedClientOptions;
  readonly #listeners = new Map<string, Set<(content: unknown) => unknown>>();
  readonly #statusListeners = new Set<(change: StatusChange) => void>();
  readonly #requests = new ClientRequests();
  readonly #stopListening: () => void;
  #queue: Queued[] = [];
  #status: ClientStatus = 'connecting';
  #sessionId: string | undefined;
  #line: Line | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #openedAt = 0;
  /** What the server said of when to come back; used once. */
  #comeBackInMs: number | undefined;
  /** Until then a page that wakes up does not hurry. */
  #notBefore = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, options: ClientOptions) {
    this.#url = url;
    this.#options = resolveClientOptions(options);
    this.#stopListening = listenToPage({ wake: () => this.#wake(), sleep: () => this.#sleep() });
    // A later step, so that a component that mounts twice in a row never has two sockets.
    queueMicrotask(() => this.#connect());
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  on(type: string, listener: (content: never) => unknown): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // A wrapper of its own for each call: the same function may listen twice.
    const entry = (content: unknown): unknown => listener(content as never);
    listeners.add(entry);
    return () => listeners.delete(entry);
  }

  onStatus(listener: (change: StatusChange) => void): () => void {
    const entry = (change: StatusChange): void => listener(change);
    this.#statusListeners.add(entry);
    return () => this.#statusListeners.delete(entry);
  }

  send(type: string, content: unknown): boolean {
    return this.#send({ type, content });
  }

  request(type: string, content: unknown, { timeoutMs, signal }: ClientRequestOptions = {}): Promise<unknown> {
    const send = (id: number): void => {
      if (!this.#send({ type, id, content })) throw new ClientError('offline', 'there is no connection', true);
    };
    const forget = (id: number): void => {
      this.#queue = this.#queue.filter((queued) => queued.id !== id);
    };
    return this.#requests.ask(send, forget, timeoutMs ?? this.#options.requestTimeoutMs, signal);
  }

  close(): void {
    if (this.#status === 'closed') return;
    this.#finish({ code: 1000, reason: '' });
  }

  #send(message: { readonly type: string; readonly id?: number; readonly content: unknown }): boolean {
    const text = JSON.stringify({ ...message, content: message.content ?? null });
    const { offline, maxQueued } = this.#options;
    if (this.#status === 'closed') throw new ClientError('closed', 'the client is closed');
    if (this.#status === 'open') {
      this.#line?.send(text);
      return true;
    }
    if (offline === 'drop') return false;
    if (offline === 'reject') throw new ClientError('offline', 'there is no connection', true);
    if (this.#queue.length >= maxQueued) throw new ClientError('queue_full', 'too many messages are waiting', true);
    this.#queue.push({ id: message.id, text });
    return true;
  }

  /** Each step asks whether the line it works for is still the current one. */
  #connect(): void {
    if (this.#status === 'closed' || this.#line !== undefined) return;
    clearTimeout(this.#retry);
    this.#tell({ status: 'connecting' });
    const line = new Line(this.#options, {
      handleOpen: (hello) => this.#opened(hello),
      handleMessage: (message) => void this.#receive(message),
      handleEnd: (end) => this.#ended(line, end),
    });
    this.#line = line;
    void this.#open(line);
  }

  async #open(line: Line): Promise<void> {
    let token: string | null | undefined;
    try {
      token = await this.#options.token?.();
    } catch (error) {
      this.#options.onError(error);
      return line.end({ code: 1006, reason: 'no token' });
    }
    if (this.#line !== line) return;
    if (this.#options.token !== undefined && (token ?? '') === '')
      return this.#finish({ code: 4401, reason: 'nobody is logged in' });
    await line.open(this.#url, token ?? undefined);
  }

  #opened(hello: Readonly<Record<string, unknown>>): void {
    this.#sessionId = String(hello['sessionId']);
    this.#openedAt = Date.now();
    const queue = this.#queue;
    this.#queue = [];
    // Before anybody is told: what was sent first goes first.
    for (const { text } of queue) this.#line?.send(text);
    this.#tell({ status: 'open' });
  }

  #ended(line: Line, end: LineEnd): void {
    if (this.#line !== line) return;
    this.#line = undefined;
    this.#sessionId = undefined;
    clearTimeout(this.#renewal);
    this.#requests.rejectAll('disconnected', (id) => this.#queue.some((queued) => queued.id === id));
    const isFinal = end.code >= 4400 && end.code < 4500 && !RETRY_CODES.includes(end.code);
    if (isFinal) return this.#finish(end);
    const retryInMs = this.#backoffMs();
    this.#retryIn(retryInMs);
    this.#tell({ status: 'waiting', end, retryInMs });
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), ms);
  }

  /** Full jitter: anything from 0 to the doubled limit. A line that held resets it; one that dies at once does not. */
  #backoffMs(): number {
    const { minBackoffMs, maxBackoffMs } = this.#options;
    const told = this.#comeBackInMs;
    this.#comeBackInMs = undefined;
    if (this.#openedAt !== 0 && Date.now() - this.#openedAt > maxBackoffMs) this.#failures = 0;
    this.#openedAt = 0;
    this.#notBefore = Date.now() + (told ?? 0);
    if (told !== undefined) return told;
    const limit = Math.min(maxBackoffMs, minBackoffMs * 2 ** this.#failures);
    this.#failures += 1;
    return Math.random() * limit;
  }

  #finish(end: LineEnd): void {
    const line = this.#line;
    this.#line = undefined;
    clearTimeout(this.#retry);
    clearTimeout(this.#renewal);
    this.#stopListening();
    this.#queue = [];
    this.#sessionId = undefined;
    line?.end(end);
    this.#requests.rejectAll('closed', () => false);
    this.#tell({ status: 'closed', end });
  }

  #wake(): void {
    if (this.#status !== 'waiting') return this.#line?.check();
    const heldMs = this.#notBefore - Date.now();
    if (heldMs > 0) this.#retryIn(heldMs);
    else this.#connect();
  }

  /** A page in the back/forward cache may keep no socket; it wakes up with a new one. */
  #sleep(): void {
    this.#line?.end({ code: 1006, reason: 'the page sleeps' });
    clearTimeout(this.#retry);
  }

  async #receive({ type, content, id }: LineMessage): Promise<void> {
    if (type === '$reply') return this.#requests.settle(id, content);
    if (type === '$error')
      return id === undefined ? this.#options.onError(errorOf(content)) : this.#requests.refuse(id, content);
    if (type === '$draining') return this.#draining(content);
    if (type === '$expiring') return this.#renew();
    if (type.startsWith('$')) return;
    const listeners = [...(this.#listeners.get(type) ?? [])];
    if (id === undefined) return listeners.forEach((listener) => this.#call(listener, content));
    await this.#reply(listeners[0], content, id);
  }

  #call(listener: (content: unknown) => unknown, content: unknown): void {
    try {
      const result = listener(content);
      if (result instanceof Promise) result.catch((error: unknown) => this.#options.onError(error));
    } catch (error) {
      this.#options.onError(error);
    }
  }

  async #reply(listener: ((content: unknown) => unknown) | undefined, content: unknown, id: unknown): Promise<void> {
    const line = this.#line;
    try {
      if (listener === undefined) throw new ClientError('unknown_type', 'no listener for this type');
      const reply = (await listener(content)) ?? null;
      line?.send(JSON.stringify({ type: '$reply', id, content: reply }));
    } catch (error) {
      if (!(error instanceof ClientError)) this.#options.onError(error);
      const { code, message, retryable } =
        error instanceof ClientError ? error : new ClientError('internal', 'internal error', true);
      line?.send(JSON.stringify({ type: '$error', id, content: { code, message, retryable } }));
    }
  }

  #draining(content: unknown): void {
    const { reconnectInMs } = (content ?? {}) as { reconnectInMs?: unknown };
    if (typeof reconnectInMs === 'number') this.#comeBackInMs = timerMs(Math.max(0, reconnectInMs));
  }

  /** The login is about to end: a new token keeps the line. A passing fault is tried again; the end is the server's. */
  async #renew(failures = 0): Promise<void> {
    const line = this.#line;
    const { token: giveToken, minBackoffMs, maxBackoffMs, requestTimeoutMs, onError } = this.#options;
    try {
      const token = await giveToken?.();
      if ((token ?? '') === '' || this.#line !== line) return;
      const send = (id: number): void => line?.send(JSON.stringify({ type: '$auth', id, content: { token } }));
      await this.#requests.ask(send, () => undefined, requestTimeoutMs);
    } catch (error) {
      if (this.#line !== line) return;
      onError(error);
      if (error instanceof ClientError && !error.retryable) return;
      clearTimeout(this.#renewal);
      const waitMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** failures);
      this.#renewal = setTimeout(() => void this.#renew(failures + 1), waitMs);
    }
  }

  #tell(change: StatusChange): void {
    this.#status = change.status;
    for (const listener of [...this.#statusListeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }
}
