import type { Duplex } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import type { Peer } from './peer';
import { UserSockets, encodeText } from './by-hand';
import { verify } from './bare-ws';

/** The floor: a bare loop that writes one finished frame to each TCP socket. No order, no limits, nothing else. */
export async function startPreframed(port: number): Promise<Peer> {
  const server = createServer();
  const wss = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  const users = new UserSockets<Duplex>();
  server.on('upgrade', (req, socket, head) => {
    const userId = verify(req.headers.authorization);
    if (userId === undefined) return socket.destroy();
    return wss.handleUpgrade(req, socket, head, (ws) => {
      users.add(userId, socket);
      ws.on('error', () => undefined);
      ws.on('close', () => users.delete(userId, socket));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    broadcast: (type, content) => {
      const data = Buffer.from(frame(encodeText(type, content)), 'latin1');
      users.forEach((socket) => socket.write(data));
    },
    toUser: (userId, type, content) => {
      const data = frame(encodeText(type, content));
      users.of(userId)?.forEach((socket) => socket.write(data, 'latin1'));
    },
  };
}

/** RFC 6455 §5.2, for ASCII payloads of 126 to 65,535 bytes, those of this bench; a character a byte. */
function frame(payload: string): string {
  return String.fromCharCode(0x81, 126, payload.length >> 8, payload.length & 0xff) + payload;
}
