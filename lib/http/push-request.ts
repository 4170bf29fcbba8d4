import type { Receipt } from '../model/receipt';
import type { SenderScope } from './sender-scope';
import type { Target } from '../model/target';
import type { TenantSender } from '../model/sender';
import { ApiRefusal } from './api-refusal';
import { ID_WANTED, isId } from '../model/login-user';
import { RealtimeError, describeValue } from '../model/errors';
import { checkWithin } from './sender-scope';

type Fields = Readonly<Record<string, unknown>>;

/** What a body asks for. `content` is a value, or JSON text to be forwarded verbatim. */
interface Push {
  readonly target: object;
  readonly type: string;
  readonly content: { readonly value: unknown } | { readonly jsonText: string };
  /** How the body names type and content. */
  readonly names: { readonly type: string; readonly content: string };
}

const NAMES = { type: 'type', content: 'content' };
const SEED_NAMES = { type: 'messageType', content: 'messageContent' };
const KEYS: readonly string[] = ['target', NAMES.type, NAMES.content];
const SEED_TARGET_KEYS: readonly string[] = ['sessionId', 'userId', 'userType', 'tenantId'];
const SEED_KEYS: readonly string[] = [...SEED_TARGET_KEYS, SEED_NAMES.type, SEED_NAMES.content];

/**
 * Does what the body of a request asks for, within a scope.
 *
 * @throws ApiRefusal `bad_request` naming the field, `forbidden` for what is outside the scope.
 * @throws RelayError when the broker did not take it.
 */
export async function push(sender: TenantSender, scope: SenderScope, body: unknown): Promise<Receipt> {
  const { target, type, content, names } = parse(body);
  checkWithin(scope, target, type, names);
  try {
    // Checked by the sender, which says what is wrong.
    const to = target as Target;
    if ('jsonText' in content) return await sender.sendText(to, type, content.jsonText);
    return await sender.send(to, type, content.value);
  } catch (error) {
    throw asRefusal(error, scope, names);
  }
}

function parse(body: unknown): Push {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiRefusal('bad_request', `the body must be a JSON object, got ${describeValue(body)}`, 'body');
  }
  const fields = body as Fields;
  const isSeeds = SEED_NAMES.type in fields || SEED_NAMES.content in fields;
  const known = isSeeds ? SEED_KEYS : KEYS;
  const unknownKey = Object.keys(fields).find((key) => !known.includes(key));
  if (unknownKey !== undefined) {
    throw new ApiRefusal('bad_request', `unknown field; known: ${known.join(', ')}`, unknownKey);
  }
  return isSeeds ? parseSeeds(fields) : parseOwn(fields);
}

function parseOwn(fields: Fields): Push {
  const { target, content } = fields;
  if (typeof target !== 'object' || target === null) {
    fail('target', `must be an object such as { "userId": 7 }, got ${describeValue(target)}`);
  }
  if (!('content' in fields)) fail('content', 'is missing; null is possible');
  return { target, type: parseType(fields, NAMES.type), content: { value: content }, names: NAMES };
}

/** Its Java clients write the fields that they leave out as null. */
function parseSeeds(fields: Fields): Push {
  const given = SEED_TARGET_KEYS.filter((key) => fields[key] !== undefined && fields[key] !== null);
  const target = Object.fromEntries(given.map((key) => [key, parseId(fields, key)]));
  if (!given.some((key) => key !== 'tenantId')) fail('userType', 'or one of sessionId, userId is needed');
  const jsonText = fields[SEED_NAMES.content];
  if (typeof jsonText !== 'string' || jsonText === '') {
    fail(SEED_NAMES.content, `must be a non-empty string of JSON, got ${describeValue(jsonText)}`);
  }
  return { target, type: parseType(fields, SEED_NAMES.type), content: { jsonText }, names: SEED_NAMES };
}

function parseId(fields: Fields, key: string): unknown {
  const value = fields[key];
  if (!isId(value)) fail(key, `must be a ${ID_WANTED}, got ${describeValue(value)}`);
  return value;
}

function parseType(fields: Fields, key: string): string {
  const type = fields[key];
  if (typeof type !== 'string') fail(key, `must be a string, got ${describeValue(type)}`);
  return type;
}

function asRefusal(error: unknown, scope: SenderScope, names: Push['names']): unknown {
  if (!(error instanceof RealtimeError)) return error;
  switch (error.code) {
    case 'ERR_REALTIME_TARGET':
      return new ApiRefusal('bad_request', error.message, 'target');
    case 'ERR_REALTIME_TENANT':
      return new ApiRefusal('tenantId' in scope ? 'forbidden' : 'bad_request', error.message, 'tenantId');
    case 'ERR_REALTIME_TYPE':
      return new ApiRefusal('bad_request', error.message, names.type);
    case 'ERR_REALTIME_CONTENT':
      return new ApiRefusal('bad_request', error.message, names.content);
    default:
      return error;
  }
}

function fail(field: string, message: string): never {
  throw new ApiRefusal('bad_request', `${field} ${message}`, field);
}
