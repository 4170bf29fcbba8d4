import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { once } from 'node:events';
import express from 'express';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { attachRealtime, brokerFromUrl } from 'express-realtime';
import type { Relay, RelayOptions } from './relay';
import { PASSPORT_SECRET } from '../peers/peer';
import { pushRoute } from './http';

/** This package, as its README attaches it to a broker. */
export async function startOurs({ url, name }: RelayOptions): Promise<Relay> {
  passport.use(
    new Strategy(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        secretOrKey: PASSPORT_SECRET,
        algorithms: ['HS256'],
      },
      (claims: { sub: number }, done) => done(null, { id: claims.sub }),
    ),
  );
  const toUser = (userId: number, content: object): Promise<unknown> => realtime.send({ userId }, 'news', content);
  const server = createServer(pushRoute(toUser)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const realtime = attachRealtime(server, { app: express(), passport, name, broker: brokerFromUrl(url) });
  await realtime.ready;
  return {
    port: (server.address() as AddressInfo).port,
    toUser,
    health: () => {
      const { state, sinceMs } = realtime.health().broker;
      return { isUp: state === 'up', sinceMs };
    },
  };
}
