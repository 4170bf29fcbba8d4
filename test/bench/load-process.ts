import jwt from 'jsonwebtoken';
import type { Claims } from './peers/peer';
import type { Flavour } from './load-socket';
import { JWT_SECRET, PATH } from './peers/peer';
import { LoadSocket } from './load-socket';
import { serve } from './worker';

/** All clients of one peer, in a process of their own. */
const sockets: LoadSocket[] = [];
let received = 0;
let waiting: { total: number; resolve: () => void } | undefined;

interface OpenArgument {
  readonly port: number;
  readonly count: number;
  readonly concurrency: number;
  readonly flavour: Flavour;
  /** The id of the first user; each socket is another user. */
  readonly firstUser: number;
}

function count(): void {
  received += 1;
  if (waiting !== undefined && received >= waiting.total) {
    waiting.resolve();
    waiting = undefined;
  }
}

async function open({ port, count: wanted, concurrency, flavour, firstUser }: OpenArgument): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < wanted) {
      const user = firstUser + next;
      next += 1;
      sockets.push(await openOne(port, user, flavour));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

async function openOne(port: number, user: number, flavour: Flavour): Promise<LoadSocket> {
  const token = jwt.sign({ sub: user } satisfies Claims, JWT_SECRET, { noTimestamp: true });
  const path = flavour === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : PATH;
  const headers = [`Authorization: Bearer ${token}`];
  if (flavour === 'v1') headers.push('Sec-WebSocket-Protocol: express-realtime.v1');
  const socket = new LoadSocket(port, path, headers, flavour);
  await new Promise<void>((resolve, reject) => {
    socket.onOpen = (error) => (error === undefined ? resolve() : reject(error));
  });
  socket.onMessage = count;
  return socket;
}

/** Keeps `inFlight` messages of each socket on the line until `total` answers have come. */
async function echo({ total, inFlight, text }: { total: number; inFlight: number; text: string }): Promise<void> {
  let sent = 0;
  await new Promise<void>((resolve) => {
    let answered = 0;
    for (const socket of sockets) {
      socket.onMessage = () => {
        answered += 1;
        if (answered >= total) return resolve();
        if (sent < total) {
          sent += 1;
          socket.send(text);
        }
      };
      for (let message = 0; message < inFlight && sent < total; message += 1) {
        sent += 1;
        socket.send(text);
      }
    }
  });
  for (const socket of sockets) socket.onMessage = count;
}

serve({
  open,
  echo,
  received: () => received,
  /** Resolves when `total` messages in all have come. */
  reached: async (total: number) => {
    if (received >= total) return;
    await new Promise<void>((resolve) => {
      waiting = { total, resolve };
    });
  },
  closeAll: () => {
    for (const socket of sockets) socket.destroy();
    sockets.length = 0;
  },
});
