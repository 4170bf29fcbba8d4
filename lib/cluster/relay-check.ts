import type { Addressed, Audience, Exception, Scope } from '../model/audience';
import type { CloseSpec } from '../model/close-codes';
import type { NodeId } from './brokers/broker';
import type { RelayDroppedWhy } from '../model/events';
import { closeSpec } from '../model/close-codes';
import { isMessageType } from '../model/message-type';

/** What a frame has of its batch. */
export interface FrameOrigin {
  readonly node: NodeId;
  /** The one node that it is for; `undefined` = all. */
  readonly to: NodeId | undefined;
  readonly seq: number;
  readonly at: number;
}

interface FrameCommon extends FrameOrigin {
  readonly id: string;
}

/** A push; its content is not part of the header. */
export interface MessageFrame extends FrameCommon {
  readonly kind: 'message';
  readonly addressed: Addressed;
  readonly type: string;
}

/** The order to close sessions. */
export interface DisconnectFrame extends FrameCommon {
  readonly kind: 'disconnect';
  readonly addressed: Addressed;
  readonly close: CloseSpec;
}

/** Something about the sending node itself. */
export interface SignFrame extends FrameCommon {
  readonly kind: 'probe' | 'hello' | 'bye' | 'ask';
}

/** A change of logins, told in the content. */
export interface LoginFrame extends FrameCommon {
  readonly kind: 'revoke' | 'renew';
}

/** A part of the answer to a question of this node; what it tells is its content. */
export interface AnswerFrame extends FrameCommon {
  readonly kind: 'answer';
  /** Over how many frames the answer is spread. */
  readonly parts: number;
}

/** A frame that was checked field by field; nothing of the parsed object is handed on but strings and numbers. */
export type RelayFrame = MessageFrame | DisconnectFrame | LoginFrame | SignFrame | AnswerFrame;

type Fields = Readonly<Record<string, unknown>>;

/** More than a node id and two numbers need; the id of a question goes into each frame of its answer. */
const MAX_ID_LENGTH = 128;

/**
 * Reads a frame's own fields. A broker is half trusted: whoever may publish there can write anything.
 *
 * @returns the frame, or why it is dropped. Never throws.
 */
export function readFrame(fields: unknown, origin: FrameOrigin, multiTenant: boolean): RelayFrame | RelayDroppedWhy {
  if (!isFields(fields)) return 'malformed';
  const { kind, id, scope: givenScope } = fields;
  if (typeof kind !== 'string' || typeof id !== 'string' || id.length > MAX_ID_LENGTH) return 'malformed';
  if (!isKnownKind(kind)) return 'kind';
  const scope = readScope(givenScope, multiTenant);
  if (scope === undefined) return 'scope';
  // Written out: a spread costs several times as much here, once for every frame that comes.
  const { node, to, seq, at } = origin;
  const common: FrameCommon = { node, to, seq, at, id };
  if (kind === 'answer') return isCount(fields['parts']) ? { ...common, kind, parts: fields['parts'] } : 'malformed';
  if (kind !== 'message' && kind !== 'disconnect') return { ...common, kind };
  const addressed = readAddressed(fields, scope);
  if (addressed === undefined) return 'malformed';
  return kind === 'message' ? readMessage(fields, common, addressed) : readDisconnect(fields, common, addressed);
}

/** Most are messages: looked at before the table. */
function isKnownKind(kind: string): kind is RelayFrame['kind'] {
  return kind === 'message' || KINDS.has(kind);
}

const KINDS: ReadonlySet<string> = new Set([
  ...['disconnect', 'revoke', 'renew', 'probe', 'hello', 'bye', 'ask', 'answer'],
]);

/** A tenant in a frame is as explicit as in a target; one that does not fit `multiTenant` is another application's idea. */
export function readScope(scope: unknown, multiTenant: boolean): Scope | undefined {
  if (scope === 'all') return multiTenant ? scope : undefined;
  if (scope === 'guests') return multiTenant ? { tenant: '' } : undefined;
  if (!isFields(scope)) return undefined;
  const { tenant } = scope;
  if (typeof tenant !== 'string' || (tenant !== '') !== multiTenant) return undefined;
  return { tenant };
}

function readMessage({ type }: Fields, common: FrameCommon, addressed: Addressed): MessageFrame | RelayDroppedWhy {
  // Types that begin with $ are the protocol's own: no node may send them in another's name.
  if (!isMessageType(type) || type.startsWith('$')) return 'malformed';
  const { node, seq, at, to, id } = common;
  return { node, seq, at, to, id, kind: 'message', addressed, type };
}

function readDisconnect({ code, reason }: Fields, common: FrameCommon, addressed: Addressed): RelayFrame | 'malformed' {
  try {
    return { ...common, kind: 'disconnect', addressed, close: closeSpec(code, reason) };
  } catch {
    return 'malformed';
  }
}

function readAddressed({ audience: givenAudience, except: givenExcept }: Fields, scope: Scope): Addressed | undefined {
  const audience = isFields(givenAudience) ? readAudience(givenAudience) : undefined;
  if (audience === undefined) return undefined;
  if (givenExcept === undefined) return { scope, audience };
  const except = isFields(givenExcept) ? readException(givenExcept) : undefined;
  return except === undefined ? undefined : { scope, audience, except };
}

function readAudience({ kind, userType, ids, room, sessionId }: Fields): Audience | undefined {
  switch (kind) {
    case 'everyone':
      return { kind };
    case 'userType':
      return isName(userType) ? { kind, userType } : undefined;
    case 'user':
      return isName(userType) && isNames(ids) ? { kind, userType, ids } : undefined;
    case 'room':
      return isName(room) ? { kind, room } : undefined;
    case 'session':
      return isName(sessionId) ? { kind, sessionId } : undefined;
    default:
      return undefined;
  }
}

function readException({ sessionIds, users }: Fields): Exception | undefined {
  if (!isNames(sessionIds) || !Array.isArray(users)) return undefined;
  const read: { userType: string; id: string }[] = [];
  for (const user of users as readonly unknown[]) {
    if (!isFields(user)) return undefined;
    const { userType, id } = user;
    if (!isName(userType) || !isName(id)) return undefined;
    read.push({ userType, id });
  }
  return { sessionIds, users: read };
}

/** Tells whether a parsed value is an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells whether a value is a whole number, 1 or more. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

/** Tells whether a value is a non-empty string. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isName);
}
