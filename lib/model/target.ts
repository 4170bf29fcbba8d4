import type { Addressed, Audience, Exception, Scope } from './audience';
import type { Id } from './login-user';
import { ID_WANTED, isId } from './login-user';
import { RealtimeError, describeValue } from './errors';

/** Whom to leave out: sessions by id, and users. */
export type Except = ExceptEntry | readonly ExceptEntry[];

/** A session id, or a user (`userType` defaults to `0`, as at login). */
export type ExceptEntry = string | { readonly userId: Id; readonly userType?: Id };

interface TargetCommon {
  /** Which tenant; needed through the plain sender when the attach is `multiTenant`. */
  readonly tenantId?: Id;
  /** Reaches every tenant; the only way to do so. */
  readonly allTenants?: true;
  /** Whom to leave out. */
  readonly except?: Except;
}

/** Whom a message reaches: exactly one of `sessionId`, `userId`, `userType` alone, `room`, `everyone`. */
export type Target = TargetCommon &
  (
    | { readonly sessionId: string }
    | { readonly userId: Id | readonly Id[]; readonly userType?: Id }
    | { readonly userType: Id }
    | { readonly room: string }
    | { readonly everyone: true }
  );

/** What a sender adds to each target: whether there are tenants, and the tenant that it is bound to. */
export interface TargetContext {
  readonly multiTenant: boolean;
  /** The tenant of a bound sender; `undefined` for the plain one. */
  readonly boundTenant?: string;
}

const ADDRESSES = ['sessionId', 'userId', 'room', 'everyone'] as const;
const KEYS = [...ADDRESSES, 'userType', 'tenantId', 'allTenants', 'except'] as const;
const KNOWN_KEYS: ReadonlySet<string> = new Set(KEYS);
const ADDRESS_KEYS: ReadonlySet<string> = new Set(ADDRESSES);
const UNTENANTED: Scope = { tenant: '' };

/**
 * Makes a target canonical.
 *
 * @throws RealtimeError `ERR_REALTIME_TARGET` for an unknown key (a typo must never become a broadcast), a key that
 *   is present but undefined or null, no or several addresses, or a value that cannot be an id;
 *   `ERR_REALTIME_TENANT` when the tenant does not fit the sender.
 */
export function parseTarget(target: unknown, context: TargetContext): Addressed {
  if (typeof target !== 'object' || target === null || Array.isArray(target)) {
    fail(`a target must be an object such as { userId: 7 }, got ${describeValue(target)}`);
  }
  const fields = target as Fields;
  const audience = parseAudience(fields, findAddress(fields));
  const scope = parseScope(fields, context);
  const except = fields['except'];
  return except === undefined ? { scope, audience } : { scope, audience, except: parseExcept(except) };
}

type Fields = Readonly<Record<string, unknown>>;

/** Checks the keys; runs for every send, so one pass and no list. @returns the one address, `userType` alone aside. */
function findAddress(fields: Fields): string | undefined {
  let address: string | undefined;
  for (const key of Object.keys(fields)) {
    if (!KNOWN_KEYS.has(key)) fail(`unknown key ${JSON.stringify(key)} in target; known keys: ${KEYS.join(', ')}`);
    if (fields[key] === undefined || fields[key] === null) fail(`target.${key} is ${String(fields[key])}`);
    if (!ADDRESS_KEYS.has(key)) continue;
    if (address !== undefined) fail(`a target needs exactly one address, got ${address} and ${key}`);
    address = key;
  }
  return address;
}

function parseAudience(fields: Fields, address: string | undefined): Audience {
  if (address !== 'userId' && address !== undefined && 'userType' in fields) {
    fail(`target.userType goes with userId or stands alone, not with ${address}`);
  }
  switch (address) {
    case 'sessionId':
      return { kind: 'session', sessionId: parseText(fields, 'sessionId') };
    case 'userId':
      return { kind: 'user', userType: parseId(fields['userType'] ?? 0, 'userType'), ids: parseIds(fields['userId']) };
    case 'room':
      return { kind: 'room', room: parseText(fields, 'room') };
    case 'everyone':
      if (fields['everyone'] !== true) fail(`target.everyone must be true, got ${describeValue(fields['everyone'])}`);
      return { kind: 'everyone' };
    default:
      if (!('userType' in fields)) fail('a target needs one of sessionId, userId, userType, room, everyone');
      return { kind: 'userType', userType: parseId(fields['userType'], 'userType') };
  }
}

/** The tenants that a target's fields name. Errors as {@link parseTarget}. */
export function parseScope(fields: Fields, { multiTenant, boundTenant }: TargetContext): Scope {
  const isAll = 'allTenants' in fields;
  if (isAll && fields['allTenants'] !== true) {
    fail(`target.allTenants must be true, got ${describeValue(fields['allTenants'])}`);
  }
  if (!multiTenant) {
    if (isAll || 'tenantId' in fields) failTenant('target names a tenant, but multiTenant is off');
    return UNTENANTED;
  }
  if (isAll && 'tenantId' in fields) failTenant('target has both tenantId and allTenants');
  if (boundTenant !== undefined) return parseBoundScope(fields, isAll, boundTenant);
  if (isAll) return 'all';
  if (!('tenantId' in fields)) failTenant('target needs tenantId, or allTenants: true to reach every tenant');
  return { tenant: parseId(fields['tenantId'], 'tenantId') };
}

function parseBoundScope(fields: Fields, isAll: boolean, boundTenant: string): Scope {
  if (isAll) failTenant('this sender is bound to one tenant: allTenants is not possible');
  if ('tenantId' in fields && parseId(fields['tenantId'], 'tenantId') !== boundTenant) {
    failTenant('this sender is bound to another tenant than target.tenantId');
  }
  return { tenant: boundTenant };
}

function parseExcept(except: unknown): Exception {
  const entries: readonly unknown[] = Array.isArray(except) ? except : [except];
  const sessionIds: string[] = [];
  const users: { userType: string; id: string }[] = [];
  for (const entry of entries) {
    if (typeof entry === 'string' && entry !== '') sessionIds.push(entry);
    else users.push(parseExceptUser(entry));
  }
  return { sessionIds, users };
}

function parseExceptUser(entry: unknown): { userType: string; id: string } {
  if (typeof entry !== 'object' || entry === null) {
    fail(`target.except takes session ids and { userId, userType }, got ${describeValue(entry)}`);
  }
  const fields = entry as Fields;
  const unknownKey = Object.keys(fields).find((key) => key !== 'userId' && key !== 'userType');
  if (unknownKey !== undefined) fail(`unknown key ${JSON.stringify(unknownKey)} in target.except`);
  return {
    id: parseId(fields['userId'], 'except.userId'),
    userType: parseId('userType' in fields ? fields['userType'] : 0, 'except.userType'),
  };
}

function parseIds(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [parseId(value, 'userId')];
  return [...new Set(value.map((id: unknown) => parseId(id, 'userId')))];
}

function parseId(value: unknown, key: string): string {
  if (!isId(value)) fail(`target.${key} must be a ${ID_WANTED}, got ${describeValue(value)}`);
  return String(value);
}

function parseText(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || value === '') {
    fail(`target.${key} must be a non-empty string, got ${describeValue(value)}`);
  }
  return value;
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_TARGET', message);
}

function failTenant(message: string): never {
  throw new RealtimeError('ERR_REALTIME_TENANT', message);
}
