import type { IncomingMessage } from 'node:http';
import { describeValue } from '../model/errors';
import { LoginUserError, checkLoginUser } from '../model/login-user';
import type { LoginUser } from '../model/login-user';
import type { HandshakeSettings } from './handshake';
import { claimsOf } from './token';

/** What an authenticated user is made a LoginUser with. */
export type LoginSettings = Pick<HandshakeSettings, 'authenticate' | 'toLoginUser' | 'multiTenant'>;

/**
 * Turns the application's user into what {@link finishLogin} takes: by `toLoginUser` when there is one. A promise when
 * `toLoginUser` gives one.
 */
export function startLogin(settings: LoginSettings, user: unknown, req: IncomingMessage, info: unknown): unknown {
  if (settings.toLoginUser !== undefined) return settings.toLoginUser(user, req, info);
  return settings.authenticate === undefined ? loginUserOfPassport(user) : user;
}

/**
 * Checks the LoginUser and gives it what the token says of itself and the application does not: its end, when it was
 * issued, and its id.
 *
 * @throws LoginUserError whose message names the option that makes the LoginUser.
 */
export function finishLogin(settings: LoginSettings, input: unknown, token: string | undefined): LoginUser {
  try {
    return checkLoginUser(input, settings.multiTenant, token === undefined ? {} : claimsOf(token));
  } catch (error) {
    if (!(error instanceof LoginUserError) || error.fault !== 'invalid') throw error;
    throw new LoginUserError(error.fault, `${error.message}; ${adviceOf(settings, input)}`);
  }
}

function adviceOf(settings: LoginSettings, input: unknown): string {
  if (settings.toLoginUser !== undefined) return 'toLoginUser must return it';
  if (settings.authenticate !== undefined) return 'authenticate must return it, or null to refuse';
  const { id } = input as { readonly id?: unknown };
  return `set toLoginUser to make one of the user that the strategy gave (user.id ?? user.sub is ${describeValue(id)})`;
}

const COPIED = ['tenantId', 'expiresAtMs', 'tokenId', 'issuedAtMs'] as const;

/** The default of `toLoginUser`. Only named fields are taken: the user may be a whole row of a database. */
function loginUserOfPassport(user: unknown): object {
  if (typeof user !== 'object' || user === null) return { id: user };
  const given = user as Readonly<Record<string, unknown>>;
  const login: Record<string, unknown> = { id: given['id'] ?? given['sub'], userType: given['userType'] ?? 0 };
  for (const key of COPIED) {
    const value = given[key];
    if (value !== undefined && value !== null) login[key] = value;
  }
  const { info, scopes } = given;
  if (typeof info === 'object' && info !== null && !Array.isArray(info)) login['info'] = info;
  if (Array.isArray(scopes)) login['scopes'] = scopes;
  return login;
}
