import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Relay, RelayOptions } from './relay';
import { PATH } from '../peers/peer';
import { UserSockets, encode } from '../peers/by-hand';
import { pushRoute } from './http';
import { verify } from '../peers/bare-ws';

/** What many projects write by hand: ws, and one channel of Redis with JSON on it. No probes, no limits, no order. */
export async function startByHand({ url, name }: RelayOptions): Promise<Relay> {
  const publisher = new Redis(url);
  const subscriber = publisher.duplicate();
  const users = new UserSockets<WebSocket>();
  const deliver = (userId: number, content: object) => {
    const sockets = users.of(userId);
    if (sockets === undefined) return;
    const data = encode('news', content);
    sockets.forEach((ws) => ws.send(data, { binary: false }));
  };
  await subscriber.subscribe(name);
  subscriber.on('message', (_channel: string, text: string) => {
    const { userId, content } = JSON.parse(text) as { userId: number; content: object };
    deliver(userId, content);
  });
  const toUser = (userId: number, content: object) => publisher.publish(name, JSON.stringify({ userId, content }));
  const server = createServer(pushRoute(toUser));
  const wss = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  server.on('upgrade', (req, socket, head) => {
    const userId = req.url === PATH ? verify(req.headers.authorization) : undefined;
    if (userId === undefined) return socket.destroy();
    return wss.handleUpgrade(req, socket, head, (ws) => {
      users.add(userId, ws);
      ws.on('error', () => undefined);
      ws.on('close', () => users.delete(userId, ws));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, toUser };
}
