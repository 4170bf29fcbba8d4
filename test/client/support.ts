import { mock } from 'node:test';
import type { ClientOptions, RealtimeClient, SocketLike, StatusChange } from '../../lib/client/index';
import { connect } from '../../lib/client/index';

/** What a client wrote, parsed; text that is no JSON (`ping`) as it is. */
export interface SentFrame {
  readonly type: string;
  readonly content: unknown;
  readonly id?: number;
}

/** A socket whose other end is the test. */
export class FakeSocket implements SocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: string[] = [];
  protocol: string | undefined = '';
  isClosed = false;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {
    this.isClosed = true;
  }

  get frames(): SentFrame[] {
    return this.sent.filter((text) => text !== 'ping').map((text) => JSON.parse(text) as SentFrame);
  }

  get pings(): number {
    return this.sent.filter((text) => text === 'ping').length;
  }

  /** The server lets the client in. */
  open(hello: Readonly<Record<string, unknown>> = {}): this {
    this.protocol = 'express-realtime.v1';
    this.onopen?.({} as never);
    this.push('$hello', { sessionId: 'n.1', pingIntervalMs: 25_000, features: [], ...hello });
    return this;
  }

  push(type: string, content: unknown, id?: unknown): void {
    this.text(JSON.stringify({ type, content, id }));
  }

  text(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  /** The line ends from the other side; 1006 is also what a refused handshake looks like. */
  lose(code = 1006, reason = ''): void {
    this.isClosed = true;
    this.onerror?.({} as never);
    this.onclose?.({ code, reason } as never);
  }
}

/** A client on fake sockets and a fake clock. */
export interface Rig {
  readonly client: RealtimeClient;
  readonly sockets: FakeSocket[];
  readonly changes: StatusChange[];
  readonly errors: unknown[];
  /** The newest socket. */
  readonly socket: FakeSocket;
  /** How many sockets nobody has closed. */
  readonly openSockets: number;
}

const clients = new Set<RealtimeClient>();

/** Connects on fake sockets; `token` and all else as the test likes. */
export async function startRig(options: ClientOptions = {}): Promise<Rig> {
  const sockets: FakeSocket[] = [];
  const changes: StatusChange[] = [];
  const errors: unknown[] = [];
  const client = connect('ws://server/ws', {
    createSocket: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      sockets.push(socket);
      return socket;
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  clients.add(client);
  client.onStatus((change) => changes.push(change));
  await settle();
  return {
    client,
    sockets,
    changes,
    errors,
    get socket() {
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error('no socket was made');
      return socket;
    },
    get openSockets() {
      return sockets.filter(({ isClosed }) => !isClosed).length;
    },
  };
}

/** Fakes `setTimeout`, `Date` and `Math.random` for the tests of the describe block that calls it. */
export function useFakeClock(): void {
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    jitter(1);
    // Once only: of two mocks of one method, restoring leaves the first in place.
    mock.method(Math, 'random', () => randomShare);
  });
  afterEach(() => {
    for (const client of clients) client.close();
    clients.clear();
    mock.timers.reset();
    mock.restoreAll();
  });
}

/** What `Math.random` gives from now on. */
export function jitter(share: number): void {
  randomShare = share;
}

let randomShare = 1;

/** Time passes, and what became due happens; in steps, since a timer that is set on the way may become due as well. */
export async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= STEP_MS) {
    mock.timers.tick(Math.min(left, STEP_MS));
    await settle();
  }
}

const STEP_MS = 500;

/** The machine slept, or the tab was throttled: each timer that became due fires once, late. */
export async function jump(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

/** All that only waited for promises has happened. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What a promise rejects with, as a code. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code,
  );
}

/** A page around the client: the events of `window` and `document`. */
export interface FakePage {
  tell(type: 'online' | 'pageshow' | 'pagehide'): void;
  show(state: 'visible' | 'hidden'): void;
  readonly listeners: number;
}

/** Gives this process the events of a page, for one test. */
export function installPage(): FakePage {
  const [page, document] = [new CountingTarget(), new CountingTarget()];
  const fakes = {
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
    document: Object.assign(document, { visibilityState: 'visible' }),
  };
  Object.assign(globalThis, fakes);
  removePage = () => Object.keys(fakes).forEach((key) => Reflect.deleteProperty(globalThis, key));
  return {
    tell: (type) => page.dispatchEvent(new Event(type)),
    show: (state) => {
      fakes.document.visibilityState = state;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    get listeners() {
      return page.count + document.count;
    },
  };
}

let removePage = (): void => undefined;

afterEach(() => {
  removePage();
  removePage = () => undefined;
});

class CountingTarget extends EventTarget {
  count = 0;

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.count += 1;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.count -= 1;
    super.removeEventListener(...args);
  }
}
