import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import express from 'express';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { attachRealtime } from 'express-realtime';
import type { Claims, Peer } from './peer';
import { PASSPORT_SECRET } from './peer';

/** This package as its README attaches it: Passport, safe defaults; only the rate limit is off, since echo floods. */
export async function startOurs(port: number): Promise<Peer> {
  passport.use(
    new Strategy(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        secretOrKey: PASSPORT_SECRET,
        algorithms: ['HS256'],
      },
      (claims: Claims, done) => done(null, { id: claims.sub }),
    ),
  );
  const server = express().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { registry, sender } = attachRealtime(server, { passport, maxMessagesPerSecond: 0, maxBytesPerSecond: 0 });
  registry.on('echo', (content, session) => {
    session.send('echo', content);
  });
  registry.on('ask', (content) => content);
  return {
    port: (server.address() as AddressInfo).port,
    broadcast: (type, content) => void sender.send({ everyone: true }, type, content),
    toUser: (userId, type, content) => void sender.send({ userId }, type, content),
  };
}
