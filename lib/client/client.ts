import type { Backoff } from './backoff';
import type { ClientOptions, ResolvedClientOptions } from './options';
import type { ClientRequestOptions } from './requests';
import type { ClientStatus, RealtimeClient, StatusChange } from './realtime-client';
import type { LineEnd, LineMessage } from './line';
import type { Login } from './login';
import type { Renewal } from './renewal';
import { asksForSlowness, createBackoff } from './backoff';
import { ClientError, errorOf } from './errors';
import { ClientRequests } from './requests';
import { LOGIN_ENDED, createLogin } from './login';
import { Line } from './line';
import { Listeners } from './listeners';
import { createRenewal } from './renewal';
import { listenToPage } from './wake';
import { resolveClientOptions } from './options';

/** A message that waits for a line; a request has an id. */
interface Queued {
  readonly id: number | undefined;
  readonly text: string;
}

/** Makes a {@link RealtimeClient}: opens at once, and again after each loss, until `close` or a final close code. */
export class Client implements RealtimeClient {
  readonly #url: string;
  readonly #options: ResolvedClientOptions;
  readonly #listeners: Listeners;
  readonly #statusListeners = new Set<(change: StatusChange) => void>();
  readonly #requests = new ClientRequests();
  readonly #login: Login;
  readonly #backoff: Backoff;
  readonly #renewal: Renewal;
  readonly #stopListening: () => void;
  #queue: Queued[] = [];
  #status: ClientStatus = 'connecting';
  #sessionId: string | undefined;
  #line: Line | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, options: ClientOptions) {
    this.#url = url;
    this.#options = resolveClientOptions(options);
    this.#listeners = new Listeners(this.#options.onError);
    this.#login = createLogin(options.token);
    this.#backoff = createBackoff(this.#options);
    this.#renewal = createRenewal({
      ...{ login: this.#login, backoff: this.#backoff },
      ...{ requests: this.#requests, options: this.#options },
    });
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
    return this.#listeners.add(type, listener);
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
    const line = new Line(this.#options, {
      handleOpen: (hello) => this.#opened(hello),
      handleMessage: (message) => void this.#receive(message),
      handleEnd: (end) => this.#ended(line, end),
    });
    this.#line = line;
    this.#tell({ status: 'connecting' });
    // A listener may have closed the client.
    if (this.#line === line) void line.open(this.#url, () => this.#askToken(line));
  }

  async #askToken(line: Line): Promise<string | undefined> {
    const answer = await this.#login.ask();
    if ('token' in answer) return answer.token;
    if (this.#line === line) this.#finish(answer.end);
    return undefined;
  }

  #opened(hello: Readonly<Record<string, unknown>>): void {
    this.#sessionId = String(hello['sessionId']);
    this.#backoff.handleOpen();
    this.#login.handleOpen();
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
    this.#renewal.stop();
    this.#requests.rejectAll('disconnected', (id) => this.#queue.some((queued) => queued.id === id));
    if (this.#isFinal(end)) return this.#finish(end);
    const retryInMs = this.#backoff.next(end.code);
    this.#retryIn(retryInMs);
    this.#tell({ status: 'waiting', end, retryInMs });
  }

  /** Close codes of 44xx say: do not come back as you are. Some only ask for slowness, and a login may be another by now. */
  #isFinal(end: LineEnd): boolean {
    if (end.code < 4400 || end.code > 4499 || asksForSlowness(end.code)) return false;
    return end.code !== LOGIN_ENDED || !this.#login.handleRefused(end);
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), ms);
  }

  #finish(end: LineEnd): void {
    const line = this.#line;
    this.#line = undefined;
    clearTimeout(this.#retry);
    this.#renewal.stop();
    this.#stopListening();
    this.#queue = [];
    this.#sessionId = undefined;
    line?.end(end);
    this.#requests.rejectAll('closed', () => false);
    this.#tell({ status: 'closed', end });
  }

  #wake(): void {
    if (this.#status !== 'waiting') return this.#line?.check();
    const heldMs = this.#backoff.heldMs();
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
    if (type === '$draining') return this.#backoff.handleDraining(content);
    const line = this.#line;
    if (type === '$expiring' && line !== undefined) return this.#renewal.start(line);
    if (type.startsWith('$')) return;
    if (id === undefined) return this.#listeners.tell(type, content);
    line?.send(await this.#listeners.ask(type, content, id));
  }

  #tell(change: StatusChange): void {
    this.#status = change.status;
    for (const listener of [...this.#statusListeners]) {
      // One before it may have closed the client: all have been told that by now.
      if (this.#status !== change.status) return;
      try {
        listener(change);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }
}
