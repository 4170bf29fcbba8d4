import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { sign } from 'jsonwebtoken';
import type { SignOptions } from 'jsonwebtoken';
import { Passport } from 'passport';
import type { PassportStatic, Strategy } from 'passport';
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt';
import type { JwtFromRequestFunction, VerifyCallback } from 'passport-jwt';
import { startDoor } from './support';
import type { Overrides, TestDoor } from './support';

export const SECRET = 'test-secret';

/** Signs a token that {@link jwtPassport} takes; without `iat`, so that a login is what the claims say. */
export function jwtFor(claims: object, options: SignOptions = {}): string {
  return sign(claims, SECRET, { noTimestamp: true, ...options });
}

export const byHeader = ExtractJwt.fromAuthHeaderAsBearerToken();

const giveClaims: VerifyCallback = (claims: unknown, done) => done(null, claims);

/** A Passport as an application sets it up: JWT, by default from the Authorization header. */
export function jwtPassport(
  jwtFromRequest: JwtFromRequestFunction = byHeader,
  verify: VerifyCallback = giveClaims,
): InstanceType<PassportStatic['Passport']> {
  return new Passport().use(new JwtStrategy({ jwtFromRequest, secretOrKey: SECRET, algorithms: ['HS256'] }, verify));
}

/** What Passport puts on a strategy, for the ones that tests write. */
export interface Acting {
  success(user: unknown, info?: unknown): void;
  fail(challenge?: unknown, status?: number): void;
  redirect(url: string): void;
  pass(): void;
  error(error: unknown): void;
}

export type Act = (this: Acting, req: IncomingMessage & { res: ServerResponse }) => unknown;

/** A strategy that does whatever a test wants with it. */
export function strategyOf(act: Act, name = 'custom'): Strategy & { name: string } {
  // Passport asks for no more than a name and this function.
  return { name, authenticate: act } as unknown as Strategy & { name: string };
}

/** Starts a door whose strategy is `act`. */
export async function startCustom(act: Act, overrides: Overrides = {}): Promise<{ server: Server; door: TestDoor }> {
  return startDoor({ passport: new Passport().use(strategyOf(act)), strategy: 'custom', ...overrides });
}
