import type { Scope } from './audience';
import type { TargetContext } from './target';
import type { Id } from './login-user';
import { ID_WANTED, isId } from './login-user';
import { RealtimeError, describeValue } from './errors';
import { parseScope } from './target';

/** What is revoked: the tokens that a user got before a moment, or one token. Tenants as in a `Target`. */
export type RevocationInput = { readonly tenantId?: Id; readonly allTenants?: true } & (
  | {
      readonly userId: Id;
      /** Default `0`, as at login. */
      readonly userType?: Id;
      /**
       * Milliseconds since 1970, or a Date. A token without `issuedAtMs` counts as older. The `iat` of a JWT is in whole
       * seconds: one that was issued in the same second counts as older, too.
       */
      readonly issuedBefore: number | Date;
    }
  | {
      /** The `jti` of a JWT, or what the application gave as `LoginUser.tokenId`. */
      readonly tokenId: string;
    }
);

/** How long a revocation is remembered. */
export interface RevokeOptions {
  /** Milliseconds since 1970; default: from now as long as the option `revocationMemoryMs` says. */
  readonly untilMs?: number;
}

/** A revocation made canonical, as it also travels between nodes. */
export type Revocation = {
  readonly scope: Scope;
  /** When it may be forgotten, in milliseconds since 1970. */
  readonly untilMs: number;
} & (
  | { readonly kind: 'user'; readonly userType: string; readonly id: string; readonly issuedBeforeMs: number }
  | { readonly kind: 'token'; readonly tokenId: string }
);

/**
 * Keeps revocations beyond the life of a process, and for nodes that start while nobody else is there. A store of the
 * application's own may implement this type.
 */
export interface RevocationStore {
  /** Keeps a text until its end, in milliseconds since 1970. */
  keep(text: string, untilMs: number): Promise<void>;
  /** All texts that have not ended. */
  load(): Promise<readonly string[]>;
}

/** Below it a time was given in seconds: as milliseconds it would revoke nothing, and say nothing. */
const MIN_TIME_MS = 100_000_000_000;
const USER_KEYS: readonly string[] = ['userId', 'userType', 'issuedBefore', 'tenantId', 'allTenants'];
const TOKEN_KEYS: readonly string[] = ['tokenId', 'tenantId', 'allTenants'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes a revocation canonical.
 *
 * @throws RealtimeError `ERR_REALTIME_TARGET` for anything that would revoke nothing or something else than was meant;
 *   `ERR_REALTIME_TENANT` when the tenant does not fit the sender.
 */
export function parseRevocation(input: unknown, untilMs: number, context: TargetContext): Revocation {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    fail(`must be { userId, issuedBefore } or { tokenId }, got ${describeValue(input)}`);
  }
  const fields = input as Fields;
  checkKeys(fields, 'tokenId' in fields ? TOKEN_KEYS : USER_KEYS);
  if (!isTime(untilMs) || untilMs <= Date.now()) {
    fail(`untilMs must be milliseconds since 1970, in the future, got ${describeValue(untilMs)}`);
  }
  if (context.multiTenant && context.boundTenant === '') {
    throw new RealtimeError(
      'ERR_REALTIME_TENANT',
      'the sender of a guest cannot revoke: guests have no login to revoke',
    );
  }
  const scope = parseScope(fields, context);
  if ('tokenId' in fields) return { kind: 'token', scope, tokenId: parseTokenId(fields['tokenId']), untilMs };
  return {
    ...{ kind: 'user', scope, userType: parseId(fields['userType'] ?? 0, 'userType') },
    ...{ id: parseId(fields['userId'], 'userId'), issuedBeforeMs: parseTime(fields['issuedBefore']), untilMs },
  };
}

function checkKeys(fields: Fields, known: readonly string[]): void {
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) fail(`has an unknown key ${JSON.stringify(key)}; known here: ${known.join(', ')}`);
    if (fields[key] === undefined || fields[key] === null) fail(`has ${key}: ${String(fields[key])}`);
  }
}

function parseId(value: unknown, key: string): string {
  if (!isId(value)) fail(`needs a ${key} that is a ${ID_WANTED}, got ${describeValue(value)}`);
  return String(value);
}

function parseTokenId(value: unknown): string {
  if (typeof value !== 'string' || value === '') fail(`needs a tokenId that is a non-empty string`);
  return value;
}

function parseTime(value: unknown): number {
  const time = value instanceof Date ? value.getTime() : value;
  if (isTime(time)) return time;
  return fail(`needs issuedBefore: a Date, or milliseconds (not seconds) since 1970, got ${describeValue(value)}`);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= MIN_TIME_MS;
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_TARGET', `a revocation ${message}`);
}
