import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import type { Relay, RelayOptions } from './relay';
import { pushRoute } from './http';
import { verify } from '../peers/bare-ws';

/** Socket.IO with its Redis adapter, one room a user. A send is not awaited: it tells nothing. */
export async function startSocketIo({ url, name }: RelayOptions, isSharded: boolean): Promise<Relay> {
  const publisher = new Redis(url);
  const subscriber = publisher.duplicate();
  await Promise.all([once(publisher, 'ready'), once(subscriber, 'ready')]);
  const toUser = (userId: number, content: object): unknown => io.to(`user:${userId}`).emit('news', content);
  const server = createServer(pushRoute(toUser));
  const io = new Server(server, {
    transports: ['websocket'],
    serveClient: false,
    adapter: isSharded
      ? createShardedAdapter(publisher, subscriber, { channelPrefix: name })
      : createAdapter(publisher, subscriber, { key: name }),
  });
  io.use((socket, next) => {
    const userId = verify(socket.handshake.headers.authorization);
    if (userId === undefined) return next(new Error('unauthorized'));
    void socket.join(`user:${userId}`);
    return next();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, toUser };
}
