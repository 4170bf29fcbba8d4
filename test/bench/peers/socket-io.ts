import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Server } from 'socket.io';
import type { Peer } from './peer';
import { verify } from './bare-ws';

/** Socket.IO over WebSocket only, one room a user, as its docs advise. */
export async function startSocketIo(port: number): Promise<Peer> {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'], serveClient: false });
  io.use((socket, next) => {
    const userId = verify(socket.handshake.headers.authorization);
    if (userId === undefined) return next(new Error('unauthorized'));
    void socket.join(`user:${userId}`);
    return next();
  });
  io.on('connection', (socket) => {
    socket.on('echo', (content: unknown) => socket.emit('echo', content));
    socket.on('ask', (content: unknown, reply: (content: unknown) => void) => reply(content));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    broadcast: (type, content) => void io.emit(type, content),
    toUser: (userId, type, content) => void io.to(`user:${userId}`).emit(type, content),
  };
}
