import type { ResolvedClientOptions } from './options';
import type { SocketLike } from './socket';
import { Heartbeat } from './heartbeat';
import { PROTOCOL, openNative, protocolsFor } from './socket';

/** How a line ended; code and reason are missing where the runtime does not tell them. */
export interface LineEnd {
  readonly code: number;
  readonly reason: string;
}

/** What a line tells its client. */
export interface LineEvents {
  /** The server said `$hello`: messages may be sent. */
  handleOpen(hello: Readonly<Record<string, unknown>>): void;
  handleMessage(message: LineMessage): void;
  /** Told once, whatever ended it. */
  handleEnd(end: LineEnd): void;
}

/** A message of the server. */
export interface LineMessage {
  readonly type: string;
  readonly content: unknown;
  readonly id?: unknown;
}

/** The close code that stands for "the line broke". */
const BROKEN = 1006;

/** One connection from its first step to its end; never used again after it. */
export class Line {
  readonly #options: ResolvedClientOptions;
  readonly #events: LineEvents;
  readonly #heartbeat: Heartbeat;
  #socket: SocketLike | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(options: ResolvedClientOptions, events: LineEvents) {
    this.#options = options;
    this.#events = events;
    this.#heartbeat = new Heartbeat(
      options.pongTimeoutMs,
      () => this.send('ping'),
      () => this.end({ code: BROKEN, reason: 'no answer to ping' }),
    );
  }

  /**
   * Opens the socket; a line that was ended meanwhile opens nothing.
   *
   * @param giveToken gives what to show; all of it together has `connectTimeoutMs`.
   */
  async open(url: string, giveToken: () => Promise<string | undefined>): Promise<void> {
    let missing = 'token';
    this.#deadline = setTimeout(
      () => this.end({ code: BROKEN, reason: `no ${missing} in time` }),
      this.#options.connectTimeoutMs,
    );
    try {
      const token = await giveToken();
      if (this.#isOver) return;
      missing = 'connection';
      const socket = await (this.#options.createSocket ?? openNative)(url, protocolsFor(token));
      if (this.#isOver) return release(socket);
      this.#listen(socket);
    } catch (error) {
      this.#options.onError(error);
      this.end({ code: BROKEN, reason: missing === 'token' ? 'no token' : 'no socket' });
    }
  }

  /** A socket that is closing takes nothing any more; its close event is on the way. */
  send(text: string): void {
    if (this.#isOver) return;
    try {
      this.#socket?.send(text);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** The page woke up: is the line still there? */
  check(): void {
    this.#heartbeat.check();
  }

  /** Ends the line from this side. */
  end(end: LineEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#heartbeat.stop();
    if (this.#socket !== undefined) release(this.#socket);
    this.#events.handleEnd(end);
  }

  #listen(socket: SocketLike): void {
    this.#socket = socket;
    socket.onopen = () => {
      // Undefined where the runtime does not tell (some mini-programs): the first frame decides then.
      if (socket.protocol === undefined || socket.protocol === PROTOCOL) return;
      this.end({ code: 4400, reason: 'the server does not speak express-realtime.v1' });
    };
    socket.onmessage = (event) => this.#read((event as { data?: unknown }).data);
    // An error is always followed by a close.
    socket.onerror = () => undefined;
    socket.onclose = (event) => {
      const { code, reason } = event ?? {};
      this.end({ code: Number(code ?? BROKEN), reason: typeof reason === 'string' ? reason : '' });
    };
  }

  #read(data: unknown): void {
    // Some runtimes tell what came before `close`, though nobody listens any more.
    if (this.#isOver) return;
    this.#heartbeat.touch();
    const message = parse(data);
    if (message === undefined) return;
    if (message.type === '$hello') this.#hello((message.content ?? {}) as Readonly<Record<string, unknown>>);
    else this.#events.handleMessage(message);
  }

  #hello(hello: Readonly<Record<string, unknown>>): void {
    clearTimeout(this.#deadline);
    this.#heartbeat.start(Number(hello['pingIntervalMs'] ?? 0));
    this.#events.handleOpen(hello);
  }
}

/** `pong`, and whatever is no message of the protocol, is nothing. */
function parse(data: unknown): LineMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const message = JSON.parse(data) as LineMessage | null;
    return typeof message?.type === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Lets go of a socket in whatever state it is. */
function release(socket: SocketLike): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.onerror = () => undefined;
  try {
    socket.close(1000);
  } catch {
    // Some runtimes throw while the socket is connecting; it is ours no longer.
  }
}
