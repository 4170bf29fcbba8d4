import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import jwt from 'jsonwebtoken';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { Admission } from '../../lib/handshake/admission';
import { originCheck } from '../../lib/handshake/origin';
import { passportAuthenticator } from '../../lib/handshake/passport';
import { liftToken } from '../../lib/handshake/token';
import type { Scenario } from './scenario';
import { JWT_SECRET, PASSPORT_SECRET } from './peers/peer';

/** Enough for the clock of CPU time, which is coarse on some kernels. */
const CALLS = 2000;
const TOKEN = jwt.sign({ sub: 7 }, JWT_SECRET, { noTimestamp: true });
const PROTOCOLS = ['express-realtime.v1', `bearer.${Buffer.from(TOKEN).toString('base64url')}`];
const CARRIERS = ['header', 'protocol', 'query'] as const;
const STRATEGY = new Strategy(
  {
    jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
    secretOrKey: PASSPORT_SECRET,
    algorithms: ['HS256'],
  },
  (claims: { sub: number }, done) => done(null, { id: claims.sub }),
);

/** What each stage of a handshake does, as one call. */
const STAGES: Readonly<Record<string, () => (req: IncomingMessage) => void>> = {
  'verifying the JWT alone': () => () => void jwt.verify(TOKEN, JWT_SECRET, { algorithms: ['HS256'] }),
  'Passport and the JWT': () => {
    passport.use(STRATEGY);
    const authenticate = passportAuthenticator(passport, 'jwt');
    return (req) => authenticate(req, new ServerResponse(req), () => undefined);
  },
  'token in the header': () => (req) => void liftToken(req, [], CARRIERS),
  'token in a subprotocol': () => (req) => {
    delete req.headers.authorization;
    liftToken(req, PROTOCOLS, CARRIERS);
  },
  origin: () => {
    const check = originCheck('same', undefined);
    return (req) => void check(req);
  },
  admission: () => {
    const limits = { maxSessions: 100_000, maxSessionsPerAddress: 10_000, maxPendingUpgrades: 1000 };
    const counts = { total: () => 1, ofUser: () => 0, replaceOldest: () => undefined };
    const admission = new Admission({ ...limits, maxSessionsPerUser: 10, maxSessionsPerUserPolicy: 'refuse' }, counts);
    return () => {
      admission.check();
      admission.enter('192.0.2.7');
      admission.checkLogin({ id: 7, userType: 0 });
      admission.leave('192.0.2.7', undefined);
    };
  },
};

/** What stands between the bytes of a handshake and its session, stage by stage, called directly. */
export const stages: Scenario = {
  title: 'what a handshake does, stage by stage',
  peers: Object.keys(STAGES),
  metrics: { us: { unit: 'µs CPU / handshake' } },
  pairs: 3,
  open: async (peer) => {
    const stage = STAGES[peer]?.();
    if (stage === undefined) throw new Error(`no stage ${peer}`);
    return {
      pass: async () => {
        const requests = Array.from({ length: CALLS }, handshakeRequest);
        const before = process.cpuUsage();
        for (const req of requests) stage(req);
        const { user, system } = process.cpuUsage(before);
        return { us: (user + system) / CALLS };
      },
      stop: async () => undefined,
    };
  },
};

const socket = new Socket();

function handshakeRequest(): IncomingMessage {
  const req = new IncomingMessage(socket);
  req.method = 'GET';
  req.url = '/ws';
  Object.assign(req.headers, {
    host: 'shop.example:8443',
    origin: 'https://shop.example:8443',
    authorization: `Bearer ${TOKEN}`,
    upgrade: 'websocket',
  });
  return req;
}
