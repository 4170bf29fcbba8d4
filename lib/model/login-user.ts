import { RealtimeError, describeValue } from './errors';

/** An id as the application knows it. Compared as a string, so `7` and `'7'` are one user. */
export type Id = string | number;

/**
 * Who is on the line. Stored on the session and, as the same frozen object, on the raw socket.
 * Fields beyond these are kept as the application gave them.
 */
export interface LoginUser {
  /** A non-empty string, or a safe integer: larger numbers may have been rounded to another user's id. */
  readonly id: Id;
  /** Which kind of user: member, admin … Default `0`. */
  readonly userType: Id;
  /** Which tenant the user belongs to; required when the attach is `multiTenant`, refused otherwise. */
  readonly tenantId?: Id;
  /** Small facts to show or log, such as a nickname. */
  readonly info?: Readonly<Record<string, unknown>>;
  /** What the login may do, as the application names it. */
  readonly scopes?: readonly string[];
  /** When the login ends, in milliseconds since 1970; the session is closed with 4401 then. */
  readonly expiresAtMs?: number;
  /** The id of the token, for `sender.revoke({ tokenId })`; default: the token's `jti`. */
  readonly tokenId?: string;
  /**
   * When the token was issued, in milliseconds since 1970, for `sender.revoke({ userId, issuedBefore })`; default: the
   * token's `iat`. Where the login does not check the token itself (it reads a cookie beside it), the application gives
   * this, since such an `iat` is no more than what the client says.
   */
  readonly issuedAtMs?: number;
}

/** What an application may hand over as a LoginUser: `userType` may be left out. */
export type LoginUserInput = Omit<LoginUser, 'userType'> & { readonly userType?: Id };

/** Why a login cannot become a session: the application's mistake (500), or a login without a tenant (403). */
export type LoginUserFault = 'invalid' | 'tenant-missing' | 'tenant-unexpected';

/** Thrown by {@link checkLoginUser}. */
export class LoginUserError extends RealtimeError {
  readonly fault: LoginUserFault;

  constructor(fault: LoginUserFault, message: string) {
    super(fault === 'invalid' ? 'ERR_REALTIME_LOGIN_USER' : 'ERR_REALTIME_TENANT', message);
    this.fault = fault;
  }
}

/** What a token says of itself and an application may leave out of its LoginUser. */
export type TokenClaims = Pick<LoginUser, 'expiresAtMs' | 'issuedAtMs' | 'tokenId'>;

const NO_CLAIMS: TokenClaims = {};

/**
 * Makes a frozen LoginUser of what the application gave.
 *
 * @param claims fill in for what the application left out.
 * @throws LoginUserError `invalid` when id, user type, tenant, a time or the token's id cannot be used;
 *   `tenant-missing` or `tenant-unexpected` when the tenant does not fit `multiTenant`.
 */
export function checkLoginUser(input: unknown, multiTenant: boolean, claims = NO_CLAIMS): LoginUser {
  if (typeof input !== 'object' || input === null) {
    throw new LoginUserError('invalid', `a LoginUser must be an object with an id, got ${describeValue(input)}`);
  }
  const user = loginFields(input, claims);
  const userType = user['userType'] ?? 0;
  const tenantId = user['tenantId'] ?? '';
  if (!isId(user['id'])) {
    throw new LoginUserError('invalid', `LoginUser.id must be a ${ID_WANTED}, got ${describeValue(user['id'])}`);
  }
  if (!isId(userType)) {
    throw new LoginUserError('invalid', `LoginUser.userType must be a ${ID_WANTED}, got ${describeValue(userType)}`);
  }
  checkTenant(tenantId, multiTenant);
  checkTime(user, 'expiresAtMs');
  checkTime(user, 'issuedAtMs');
  checkTokenId(user['tokenId']);
  return freezeLogin(user, userType, multiTenant ? tenantId : undefined);
}

/** Those that are set by name; and a `__proto__` of parsed JSON would become the prototype, past every check. */
const NOT_COPIED: ReadonlySet<string> = new Set(['userType', 'tenantId', '__proto__']);

/** Assigned field by field: a spread here left each login with a hidden class of its own, 144 bytes a socket. */
function freezeLogin(user: Readonly<Record<string, unknown>>, userType: Id, tenantId: unknown): LoginUser {
  const login: Record<string, unknown> = { id: user['id'], userType };
  for (const key of Object.keys(user)) {
    if (!NOT_COPIED.has(key)) login[key] = user[key];
  }
  if (tenantId !== undefined) login['tenantId'] = tenantId;
  // `id` was checked by the caller; the rest keeps the application's own fields and types.
  return Object.freeze(login) as unknown as LoginUser;
}

const LOGIN_FIELDS = ['id', 'userType', 'tenantId', 'info', 'scopes', 'expiresAtMs', 'tokenId', 'issuedAtMs'] as const;

/**
 * Copies a login: its own fields, and those of a LoginUser wherever they lie. The `id` of a class or of an ORM's row is
 * often a getter of the prototype, where a spread does not look.
 */
function loginFields(input: object, claims: Partial<LoginUser>): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = { ...input };
  for (const key of LOGIN_FIELDS) {
    const own = (input as Partial<LoginUser>)[key];
    const value = own === undefined ? claims[key] : own;
    if (value !== undefined) fields[key] = value;
  }
  return fields;
}

/** What {@link isId} accepts, for error messages. */
export const ID_WANTED = 'non-empty string or a safe integer';

/** Tells whether a value can be the id of a user, user type or tenant. */
export function isId(value: unknown): value is Id {
  if (typeof value === 'string') return value !== '';
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function checkTenant(tenantId: unknown, multiTenant: boolean): void {
  if (tenantId !== '' && !isId(tenantId)) {
    throw new LoginUserError('invalid', `LoginUser.tenantId must be a ${ID_WANTED}, got ${describeValue(tenantId)}`);
  }
  if (multiTenant && tenantId === '') {
    throw new LoginUserError('tenant-missing', 'a LoginUser without tenantId cannot log in when multiTenant is on');
  }
  if (!multiTenant && tenantId !== '') {
    throw new LoginUserError(
      'tenant-unexpected',
      'a LoginUser has a tenantId, but multiTenant is off: set multiTenant: true, or leave tenantId out in toLoginUser',
    );
  }
}

function checkTime(user: Readonly<Record<string, unknown>>, key: 'expiresAtMs' | 'issuedAtMs'): void {
  const time = user[key];
  if (time === undefined || (typeof time === 'number' && Number.isFinite(time))) return;
  throw new LoginUserError('invalid', `LoginUser.${key} must be milliseconds since 1970, got ${describeValue(time)}`);
}

function checkTokenId(tokenId: unknown): void {
  if (tokenId === undefined || (typeof tokenId === 'string' && tokenId !== '')) return;
  throw new LoginUserError('invalid', `LoginUser.tokenId must be a non-empty string, got ${describeValue(tokenId)}`);
}
