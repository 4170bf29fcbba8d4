import { Agent, request } from 'node:http';
import jwt from 'jsonwebtoken';
import type { Claims } from './peers/peer';
import type { Flavour } from './load-socket';
import { JWT_SECRET, PATH } from './peers/peer';
import { LoadSocket } from './load-socket';
import { nowUs, pause } from './clock';
import { serve } from './worker';

/** All clients of one peer, in a process of their own. */
const sockets: LoadSocket[] = [];
let received = 0;
let waiting: { total: number; resolve: () => void } | undefined;
/** Milliseconds that each message with a time in it was under way. */
let latencies: number[] = [];
let isTiming = false;
let argument: OpenArgument | undefined;
let connectedCount = 0;
let handleConnected: () => void = () => undefined;
let dropping: NodeJS.Timeout | undefined;

interface OpenArgument {
  readonly port: number;
  readonly count: number;
  readonly concurrency: number;
  readonly flavour: Flavour;
  /** The id of the first user; each socket is another user. */
  readonly firstUser: number;
}

function count(payload: Buffer): void {
  received += 1;
  if (isTiming) time(payload);
  if (waiting !== undefined && received >= waiting.total) {
    waiting.resolve();
    waiting = undefined;
  }
}

function time(payload: Buffer): void {
  const at = /"at\\?":(\d+)/.exec(payload.toString('latin1', 0, 200))?.[1];
  if (at === undefined) return;
  latencies.push((nowUs() - Number(at)) / 1000);
}

async function open(given: OpenArgument): Promise<void> {
  argument = given;
  const { count: wanted, concurrency, firstUser } = given;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < wanted) {
      const user = firstUser + next;
      next += 1;
      sockets.push(await openOne(given, user));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

async function openOne({ port, flavour }: OpenArgument, user: number): Promise<LoadSocket> {
  const token = jwt.sign({ sub: user } satisfies Claims, JWT_SECRET, { noTimestamp: true });
  const path = flavour === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : PATH;
  const headers = [`Authorization: Bearer ${token}`];
  if (flavour === 'v1') headers.push('Sec-WebSocket-Protocol: express-realtime.v1');
  const socket = new LoadSocket(port, path, headers, flavour, user);
  await new Promise<void>((resolve, reject) => {
    socket.onOpen = (error) => (error === undefined ? resolve() : reject(error));
    socket.onClose = () => reject(new Error('closed before it was open'));
  });
  socket.onClose = () => undefined;
  socket.onMessage = count;
  return socket;
}

interface EchoArgument {
  readonly total: number;
  readonly inFlight: number;
  /** Sent in turn. */
  readonly texts: readonly string[];
}

/** Keeps `inFlight` messages of each socket on the line until `total` answers have come. */
async function echo({ total, inFlight, texts }: EchoArgument): Promise<void> {
  let sent = 0;
  const sendNext = (socket: LoadSocket) => {
    socket.send(texts[sent % texts.length] ?? '');
    sent += 1;
  };
  await new Promise<void>((resolve) => {
    let answered = 0;
    for (const socket of sockets) {
      socket.onMessage = () => {
        answered += 1;
        if (answered >= total) return resolve();
        if (sent < total) sendNext(socket);
      };
      for (let message = 0; message < inFlight && sent < total; message += 1) sendNext(socket);
    }
  });
  for (const socket of sockets) socket.onMessage = count;
}

/** From now on a socket that closes comes back after a random time, doubled after each failure. */
function keepConnected({ spreadMs }: { spreadMs: number }): void {
  connectedCount = sockets.length;
  for (const [index, socket] of sockets.entries()) {
    socket.onClose = () => {
      connectedCount -= 1;
      void comeBack(index, socket.user, spreadMs);
    };
  }
}

async function comeBack(index: number, user: number, spreadMs: number): Promise<void> {
  for (let spread = spreadMs; argument !== undefined; spread = Math.min(2 * spread, 8000)) {
    await pause(Math.random() * spread);
    try {
      const socket = await openOne(argument, user);
      sockets[index] = socket;
      socket.onClose = () => {
        connectedCount -= 1;
        void comeBack(index, user, spreadMs);
      };
      connectedCount += 1;
      return handleConnected();
    } catch {
      // Not there yet.
    }
  }
}

async function connected(total: number): Promise<void> {
  await new Promise<void>((resolve) => {
    handleConnected = () => {
      if (connectedCount >= total) resolve();
    };
    handleConnected();
  });
  handleConnected = () => undefined;
}

/** Cuts a socket at a time, so that each is cut once in `everyMs`, and brings it back after `awayMs`. */
function dropNowAndThen({ everyMs, awayMs }: { everyMs: number; awayMs: number }): void {
  keepConnected({ spreadMs: 2 * awayMs });
  let next = 0;
  const tickMs = 20;
  dropping = setInterval(() => {
    const share = Math.ceil((sockets.length * tickMs) / everyMs);
    for (let each = 0; each < share; each += 1) {
      sockets[next % sockets.length]?.destroy();
      next += 1;
    }
  }, tickMs);
}

/** Sends `count` POST requests, `concurrency` at once, over connections that are kept. */
async function requests({ port, path, count: wanted, concurrency }: RequestsArgument): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < wanted) {
      const user = next;
      next += 1;
      await post(agent, port, `${path}${user}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  agent.destroy();
}

interface RequestsArgument {
  readonly port: number;
  /** The user's number is put behind it. */
  readonly path: string;
  readonly count: number;
  readonly concurrency: number;
}

function post(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, path, method: 'POST', host: '127.0.0.1' }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`answered ${String(response.statusCode)}`));
      });
    });
    sent.on('error', reject).end();
  });
}

/** Resolves when `total` messages in all have come. */
async function reached(total: number): Promise<void> {
  if (received >= total) return;
  await new Promise<void>((resolve) => {
    waiting = { total, resolve };
  });
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

serve({
  open,
  echo,
  requests,
  keepConnected,
  connected,
  dropNowAndThen,
  reached,
  received: () => received,
  stopDropping: (total: number) => {
    clearInterval(dropping);
    return connected(total);
  },
  /** Forgets what was timed, and times from now on. */
  time: () => {
    latencies = [];
    isTiming = true;
  },
  timed: async (total: number) => {
    // A message that never comes must not hang the bench.
    for (let round = 0; latencies.length < total && round < 2000; round += 1) await pause(5);
  },
  timedCount: () => latencies.length,
  latency: () => {
    const sorted = Float64Array.from(latencies).sort();
    isTiming = false;
    return { p50: percentile([...sorted], 0.5), p99: percentile([...sorted], 0.99) };
  },
  /** The sockets of the first users are read no more. */
  stall: (users: number) => {
    for (const socket of sockets) if (socket.user < users) socket.pause();
  },
  /** Those that were stalled are closed, and come back. */
  replaceStalled: async (users: number) => {
    for (const [index, socket] of sockets.entries()) {
      if (socket.user >= users || argument === undefined) continue;
      socket.destroy();
      sockets[index] = await openOne(argument, socket.user);
    }
  },
  closeAll: () => {
    for (const socket of sockets) socket.destroy();
    sockets.length = 0;
  },
});
