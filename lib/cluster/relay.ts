import type { Addressed, Audience, Exception, Scope } from '../model/audience';
import type { CloseSpec } from '../model/close-codes';
import type { NodeId } from './brokers/broker';
import type { Outgoing } from '../wire/outgoing';
import { quote } from '../model/json';

/**
 * The relay frame, what nodes send each other: an entry in the header of a `batch`, and the content's JSON text, which
 * nobody on the way parses or escapes. The content of `revoke` and `answer` is a list of revocations, that of `renew` a
 * session's new end.
 *
 * | field | meaning |
 * |---|---|
 * | `kind` | `message`, `disconnect`, `revoke`, `renew`, `probe`, `hello`, `bye`, `ask`, `answer`; another one is skipped and counted |
 * | `scope` | `"all"`, `{"tenant":…}`, `"guests"`, or, without tenants, `{"tenant":""}`; must fit the receiver's `multiTenant`, absent = dropped |
 * | `audience`, `except` | whom it reaches, as `model/audience` has it (`message`, `disconnect`) |
 * | `type` | the message's type (`message`) |
 * | `code`, `reason` | the close frame (`disconnect`) |
 * | `id` | the message's id; for a probe or a question, its number; for an answer, that of the question |
 * | `parts` | over how many frames the answer is spread (`answer`) |
 *
 * Fields that are not known are ignored.
 */
export interface FrameText {
  /** Its entry in the header. */
  readonly head: string;
  readonly headBytes: number;
  readonly content: string;
  readonly contentBytes: number;
}

/** Writes the frames of one node. */
export class RelayEncoder {
  /** The scope of frames about the node itself: tells the others whether it has tenants. */
  readonly #ownScope: string;
  /** The scope of no tenant: where there are tenants, it is that of guests. */
  readonly #untenanted: string;

  constructor(multiTenant: boolean) {
    this.#ownScope = multiTenant ? ALL : UNTENANTED;
    this.#untenanted = multiTenant ? '"guests"' : UNTENANTED;
  }

  message(addressed: Addressed, { type, contentText }: Outgoing, id: string): FrameText {
    const head = `{"kind":"message",${this.#addressText(addressed)},"type":${quote(type)},"id":"${id}"}`;
    return frameText(head, contentText);
  }

  disconnect(addressed: Addressed, { code, reason }: CloseSpec, id: string): FrameText {
    const close = `"code":${code},"reason":${quote(reason)}`;
    return frameText(`{"kind":"disconnect",${this.#addressText(addressed)},${close},"id":"${id}"}`, '');
  }

  /** A change of logins: its content says whose. */
  login(kind: 'revoke' | 'renew', content: string, id: string): FrameText {
    return frameText(`{"kind":"${kind}","scope":${this.#ownScope},"id":"${id}"}`, content);
  }

  /** One of the `parts` frames that answer a question. */
  answer(content: string, parts: number, id: string): FrameText {
    const head = `{"kind":"answer","scope":${this.#ownScope},"parts":${parts},"id":${quote(id)}}`;
    return frameText(head, content);
  }

  /** A frame about the node itself. */
  sign(kind: 'probe' | 'hello' | 'bye' | 'ask', id: string): FrameText {
    return frameText(`{"kind":"${kind}","scope":${this.#ownScope},"id":"${id}"}`, '');
  }

  #addressText({ scope, audience, except }: Addressed): string {
    const address = `"scope":${this.#scopeText(scope)},"audience":${audienceText(audience)}`;
    return except === undefined ? address : `${address},"except":${exceptText(except)}`;
  }

  #scopeText(scope: Scope): string {
    if (scope === 'all') return ALL;
    return scope.tenant === '' ? this.#untenanted : `{"tenant":${quote(scope.tenant)}}`;
  }
}

const ALL = '"all"';
const UNTENANTED = '{"tenant":""}';

/** Tells whether a value can be the id of a node: 1 to 64 of `A–Z a–z 0–9 _ -`, so that it never needs an escape. */
export function isNodeId(value: unknown): value is NodeId {
  return typeof value === 'string' && NODE_ID.test(value);
}

/** The node that holds a session, or `undefined` when no node can have made this id. */
export function nodeOfSession(sessionId: string): NodeId | undefined {
  const end = sessionId.indexOf('.');
  const node = sessionId.slice(0, Math.max(0, end));
  return isNodeId(node) ? node : undefined;
}

const NODE_ID = /^[\w-]{1,64}$/;

function frameText(head: string, content: string): FrameText {
  return { head, headBytes: Buffer.byteLength(head), content, contentBytes: Buffer.byteLength(content) };
}

function audienceText(audience: Audience): string {
  switch (audience.kind) {
    case 'everyone':
      return '{"kind":"everyone"}';
    case 'userType':
      return `{"kind":"userType","userType":${quote(audience.userType)}}`;
    case 'user':
      return `{"kind":"user","userType":${quote(audience.userType)},"ids":[${audience.ids.map(quote).join()}]}`;
    case 'room':
      return `{"kind":"room","room":${quote(audience.room)}}`;
    case 'session':
      return `{"kind":"session","sessionId":${quote(audience.sessionId)}}`;
  }
}

function exceptText(except: Exception): string {
  return JSON.stringify({ sessionIds: except.sessionIds, users: except.users });
}
