import type { Addressed, Audience, Exception, Scope } from '../model/audience';
import type { CloseSpec } from '../model/close-codes';
import type { NodeId } from './brokers/broker';
import type { Outgoing } from '../wire/outgoing';

/**
 * The relay frame, what nodes send each other: one line of JSON, `\n`, then the content's JSON text verbatim. The
 * content of `revoke` and `answer` is a list of revocations, that of `renew` a session's new end.
 *
 * | field | meaning |
 * |---|---|
 * | `v` | version of the frame, 1; another one is skipped and counted |
 * | `node` | the sending node |
 * | `kind` | `message`, `disconnect`, `revoke`, `renew`, `probe`, `hello`, `bye`, `ask`, `answer`; another one is skipped and counted |
 * | `to` | the one node that it is for; absent = all |
 * | `at` | the sender's clock, ms since 1970 |
 * | `scope` | `"all"`, `{"tenant":…}`, `"guests"`, or, without tenants, `{"tenant":""}`; must fit the receiver's `multiTenant`, absent = dropped |
 * | `audience`, `except` | whom it reaches, as `model/audience` has it (`message`, `disconnect`) |
 * | `type` | the message's type (`message`) |
 * | `code`, `reason` | the close frame (`disconnect`) |
 * | `id` | the message's id; for a probe or a question, its number; for an answer, that of the question |
 * | `parts` | over how many frames the answer is spread (`answer`) |
 * | `n` | counts every frame of the sending node |
 * | `seq` | counts the frames of one sender on one route (all, or one node), from 1 |
 *
 * Fields that are not known are ignored. `n` and `seq` stand last: they are written when the frame leaves.
 */
export const RELAY_VERSION = 1;

/** A frame that waits to be sent: complete but for `n` and `seq`. */
export interface FrameText {
  /** The header without its end. */
  readonly head: string;
  readonly headBytes: number;
  readonly content: string;
  readonly contentBytes: number;
}

/** Writes the frames of one node. */
export class RelayEncoder {
  readonly #lead: string;
  /** The scope of frames about the node itself: tells the others whether it has tenants. */
  readonly #ownScope: string;
  /** The scope of no tenant: where there are tenants, it is that of guests. */
  readonly #untenanted: string;

  constructor(node: NodeId, multiTenant: boolean) {
    this.#lead = `${nodeLead(node)}"kind":"`;
    this.#ownScope = multiTenant ? ALL : UNTENANTED;
    this.#untenanted = multiTenant ? '"guests"' : UNTENANTED;
  }

  message(addressed: Addressed, outgoing: Outgoing, id: string, at: number, to: NodeId | undefined): FrameText {
    const { type, contentText } = outgoing;
    const head = `${this.#lead}message",${toText(to)}"at":${at},${this.#addressText(addressed)},"type":${quote(type)},"id":"${id}"`;
    return frameText(head, contentText);
  }

  disconnect(addressed: Addressed, close: CloseSpec, id: string, at: number, to: NodeId | undefined): FrameText {
    const reason = quote(close.reason);
    const head = `${this.#lead}disconnect",${toText(to)}"at":${at},${this.#addressText(addressed)},"code":${close.code},"reason":${reason},"id":"${id}"`;
    return frameText(head, '');
  }

  /** A change of logins: its content says whose. */
  login(kind: 'revoke' | 'renew', content: string, id: string, at: number, to: NodeId | undefined): FrameText {
    return frameText(`${this.#lead}${kind}",${toText(to)}"at":${at},"scope":${this.#ownScope},"id":"${id}"`, content);
  }

  /** One of the `parts` frames that answer a question. */
  answer(content: string, parts: number, id: string, at: number, to: NodeId): FrameText {
    const head = `${this.#lead}answer",${toText(to)}"at":${at},"scope":${this.#ownScope},"parts":${parts},"id":${quote(id)}`;
    return frameText(head, content);
  }

  /** A frame about the node itself. */
  sign(kind: 'probe' | 'hello' | 'bye' | 'ask', id: string, at: number, to: NodeId | undefined): FrameText {
    return frameText(`${this.#lead}${kind}",${toText(to)}"at":${at},"scope":${this.#ownScope},"id":"${id}"`, '');
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

/** What every header of a node begins with: enough to know one's own frames without parsing them. */
export function nodeLead(node: NodeId): string {
  return `{"v":${RELAY_VERSION},"node":"${node}",`;
}

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
const NEEDS_NO_ESCAPE = /^[\w .:/@+-]*$/;

function frameText(head: string, content: string): FrameText {
  return { head, headBytes: Buffer.byteLength(head), content, contentBytes: Buffer.byteLength(content) };
}

function toText(to: NodeId | undefined): string {
  return to === undefined ? '' : `"to":"${to}",`;
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

function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}
