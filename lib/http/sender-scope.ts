import type { Id } from '../model/login-user';
import type { Sender, TenantSender } from '../model/sender';
import { ApiRefusal } from './api-refusal';
import { ID_WANTED, isId } from '../model/login-user';
import { RealtimeError, describeValue } from '../model/errors';

/**
 * What a caller of the sender API may do: push to one tenant, or to all. Where there are no tenants the scope is
 * `{ allTenants: true }`: all that there is. `types` and `userTypes` narrow it.
 */
export type SenderScope = ({ readonly tenantId: Id } | { readonly allTenants: true }) & {
  /** Message types that may be pushed; default: all. */
  readonly types?: readonly string[];
  /**
   * User types that may be reached; default: all. With it only targets that name the user type are possible
   * (`userId`, `userType`): of a session, a room or everyone it cannot be known.
   */
  readonly userTypes?: readonly Id[];
};

const SCOPE_KEYS: readonly string[] = ['tenantId', 'allTenants', 'types', 'userTypes'];

/**
 * Checks what `authorize` answered. A scope with a key that is unknown or undefined is refused: it would allow more than
 * was meant.
 *
 * @throws ApiRefusal `unauthenticated` for null and undefined, `forbidden` for false.
 * @throws RealtimeError `ERR_REALTIME_OPTION` for anything that is no scope.
 */
export function checkScope(answer: unknown): SenderScope {
  if (answer === null || answer === undefined) throw new ApiRefusal('unauthenticated', 'who calls is not known');
  if (answer === false) throw new ApiRefusal('forbidden', 'not allowed to push');
  if (typeof answer !== 'object') fail(`must be a scope, false or null, got ${describeValue(answer)}`);
  const scope = answer as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(scope)) {
    if (!SCOPE_KEYS.includes(key)) fail(`has an unknown key ${JSON.stringify(key)}; known: ${SCOPE_KEYS.join(', ')}`);
    if (scope[key] === undefined) fail(`has ${key}: undefined`);
  }
  const { tenantId, allTenants, types, userTypes } = scope;
  if ('tenantId' in scope === 'allTenants' in scope) fail('must have tenantId, or allTenants: true');
  if ('tenantId' in scope && !isId(tenantId)) fail(`has a tenantId that is no ${ID_WANTED}`);
  if ('allTenants' in scope && allTenants !== true) fail('has an allTenants that is not true');
  if (!isListOf(types, (type) => typeof type === 'string')) fail('has types that are no array of strings');
  if (!isListOf(userTypes, isId)) fail(`has userTypes that are no array, each a ${ID_WANTED}`);
  // All keys were checked above.
  return scope as unknown as SenderScope;
}

/**
 * The sender that can reach no more than the scope's tenant.
 *
 * @throws RealtimeError `ERR_REALTIME_TENANT` when the scope names a tenant and the attach has none.
 */
export function senderWithin(scope: SenderScope, sender: Sender): TenantSender {
  return 'tenantId' in scope ? sender.forTenant(scope.tenantId) : sender;
}

/**
 * Checks a push against the scope, but for its tenant.
 *
 * @throws ApiRefusal `forbidden`.
 */
export function checkWithin(scope: SenderScope, target: object, type: string, fields: { readonly type: string }): void {
  if (scope.types !== undefined && !scope.types.includes(type)) {
    throw new ApiRefusal('forbidden', 'not allowed to push this type', fields.type);
  }
  if (scope.userTypes === undefined) return;
  if (!('userId' in target || 'userType' in target)) {
    throw new ApiRefusal('forbidden', 'only targets with a userId or a userType are allowed', 'target');
  }
  const userType = 'userType' in target ? target.userType : 0;
  if (scope.userTypes.some((allowed) => String(allowed) === String(userType))) return;
  throw new ApiRefusal('forbidden', 'not allowed to push to this user type', 'userType');
}

function isListOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isMember));
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', `what authorize of senderApi answered ${message}`);
}
