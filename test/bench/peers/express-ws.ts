import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import express from 'express';
import expressWs from 'express-ws';
import type { Peer } from './peer';
import { PATH } from './peer';
import { UserSockets, answerEcho, pushesTo } from './by-hand';
import { verify } from './bare-ws';

interface WsSocket {
  send(data: Buffer | string, options?: object): void;
  on(event: string, listener: (data: Buffer) => void): void;
  close(code: number): void;
}

/** express-ws, which upgrades first and asks afterwards. */
export async function startExpressWs(port: number): Promise<Peer> {
  const { app } = expressWs(express());
  const users = new UserSockets<WsSocket>();
  app.ws(PATH, (ws: WsSocket, req: express.Request) => {
    const userId = verify(req.headers.authorization);
    if (userId === undefined) return ws.close(4401);
    users.add(userId, ws);
    ws.on('error', () => undefined);
    ws.on('close', () => users.delete(userId, ws));
    ws.on('message', (data) => answerEcho(data.toString(), (text) => ws.send(text)));
  });
  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, ...pushesTo(users) };
}
