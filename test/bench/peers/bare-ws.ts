import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import jwt from 'jsonwebtoken';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Claims, Peer } from './peer';
import { JWT_SECRET, PATH } from './peer';
import { UserSockets, answerEcho, pushesTo } from './by-hand';

/**
 * What a good engineer writes by hand on ws: the token checked before the upgrade, sockets by user, one encoded buffer
 * for many sockets, an error listener, a heartbeat.
 */
export async function startBareWs(port: number): Promise<Peer> {
  const server = createServer((_req, res) => res.writeHead(404).end());
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: 65_536,
  });
  const users = new UserSockets<WebSocket>();
  server.on('upgrade', (req, socket, head) => {
    const url = new URL(req.url ?? '', 'http://localhost');
    const userId = url.pathname === PATH ? verify(req.headers.authorization) : undefined;
    if (userId === undefined)
      return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return wss.handleUpgrade(req, socket, head, (ws) => open(ws, userId, users));
  });
  setInterval(() => users.forEach(beat), 25_000).unref();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, ...pushesTo(users) };
}

type Beating = WebSocket & { isAlive: boolean };

function open(ws: WebSocket, userId: number, users: UserSockets<WebSocket>): void {
  const beating = ws as Beating;
  beating.isAlive = true;
  users.add(userId, ws);
  ws.on('pong', () => (beating.isAlive = true));
  ws.on('error', () => undefined);
  ws.on('close', () => users.delete(userId, ws));
  ws.on('message', (data: Buffer) => answerEcho(data.toString(), (text) => ws.send(text)));
}

function beat(ws: WebSocket): void {
  const beating = ws as Beating;
  if (!beating.isAlive) return ws.terminate();
  beating.isAlive = false;
  ws.ping();
}

/** The user of a Bearer token, or `undefined`. */
export function verify(authorization: string | undefined): number | undefined {
  try {
    // Only the load signs tokens here, with these claims.
    return (jwt.verify((authorization ?? '').slice('Bearer '.length), JWT_SECRET) as unknown as Claims).sub;
  } catch {
    return undefined;
  }
}
