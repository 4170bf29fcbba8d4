import type { AddressInfo } from 'node:net';
import fastifyWebsocket from '@fastify/websocket';
import fastify from 'fastify';
import type { WebSocket } from 'ws';
import type { Peer } from './peer';
import { PATH } from './peer';
import { UserSockets, answerEcho, pushesTo } from './by-hand';
import { verify } from './bare-ws';

/** Fastify with its WebSocket plugin; the token is checked in a hook before the upgrade. */
export async function startFastify(port: number): Promise<Peer> {
  const app = fastify();
  const users = new UserSockets<WebSocket>();
  await app.register(fastifyWebsocket);
  app.get(
    PATH,
    {
      websocket: true,
      preValidation: async (req, reply) => {
        if (verify(req.headers.authorization) === undefined) await reply.code(401).send();
      },
    },
    (ws, req) => {
      const userId = verify(req.headers.authorization) ?? -1;
      users.add(userId, ws);
      ws.on('error', () => undefined);
      ws.on('close', () => users.delete(userId, ws));
      ws.on('message', (data: Buffer) => answerEcho(data.toString(), (text) => ws.send(text)));
    },
  );
  await app.listen({ port, host: '127.0.0.1' });
  return { port: (app.server.address() as AddressInfo).port, ...pushesTo(users) };
}
