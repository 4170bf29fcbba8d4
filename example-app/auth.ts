import type { LoginUser, Session } from 'express-realtime';
import type { Request, RequestHandler } from 'express';
import type { User } from './users';
import { timingSafeEqual } from 'node:crypto';
import { Router } from 'express';
import jwt from 'jsonwebtoken';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { z } from 'zod';
import { HttpError, parse } from './http';
import { UserType, findUser, tenants, users } from './users';

/** Who is logged in, on a request (`req.user`) and on a socket (`session.loginUser`) alike. */
export interface CurrentUser {
  readonly id: number;
  readonly tenantId: number;
  readonly userType: User['userType'];
  readonly info: { readonly name: string };
}

/** The login of this app: one Passport strategy, which HTTP requests and WebSocket handshakes share. */
export interface Auth {
  readonly passport: passport.PassportStatic;
  /** `POST /login` and what the login page shows. */
  readonly router: Router;
  /** Lets only requests with a valid token through; answers 401 to others. */
  readonly requireUser: RequestHandler;
}

const ISSUER = 'express-realtime-example';
const TOKEN_LIFETIME_S = 8 * 60 * 60;

const credentials = z.object({ username: z.string().max(64), password: z.string().max(128) });

/** @param secret signs the tokens; every process of the app needs the same one. */
export function createAuth(secret: string): Auth {
  // An instance of its own: the strategy of one app must not land in another one of the same process.
  const own = new passport.Passport();
  const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken();
  own.use(
    new Strategy({ jwtFromRequest, secretOrKey: secret, algorithms: ['HS256'], issuer: ISSUER }, (claims, done) => {
      const user = findUser(claims.tenantId, claims.userId);
      done(null, user ? toCurrentUser(user) : false);
    }),
  );
  return {
    passport: own as passport.PassportStatic,
    router: loginRouter(secret),
    requireUser: own.authenticate('jwt', { session: false }) as RequestHandler,
  };
}

/** The user of a request that passed `requireUser`. */
export function currentUser(req: Request): CurrentUser {
  // Set by the strategy above, and by nothing else.
  return req.user as CurrentUser;
}

/** The user of a session: what the same strategy gave at the handshake. */
export function sessionUser({ loginUser }: Session<LoginUser | null>): CurrentUser {
  return loginUser as unknown as CurrentUser;
}

/** Answers 403 to everybody but admins; stands after `requireUser`. */
export const requireAdmin: RequestHandler = (req, _res, next) => {
  if (currentUser(req).userType !== UserType.admin) throw new HttpError(403, 'Only admins may do this.');
  next();
};

function loginRouter(secret: string): Router {
  const router = Router();

  router.get('/demo-users', (_req, res) => {
    res.json({ tenants, users });
  });

  router.post('/login', (req, res) => {
    const { username, password } = parse(credentials, req.body);
    const user = users.find((each) => each.username === username.trim().toLowerCase());
    if (!user || !isEqual(user.password, password)) throw new HttpError(401, 'User name or password is wrong.');
    const claims = { userId: user.id, tenantId: user.tenantId };
    const token = jwt.sign(claims, secret, { algorithm: 'HS256', issuer: ISSUER, expiresIn: TOKEN_LIFETIME_S });
    res.json({ token });
  });

  return router;
}

function toCurrentUser({ id, tenantId, userType, name }: User): CurrentUser {
  return { id, tenantId, userType, info: { name } };
}

/** Takes the same time wherever two texts differ. */
export function isEqual(wanted: string, given: string): boolean {
  const [a, b] = [Buffer.from(wanted), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
