import type { Addressed } from '../model/audience';
import type { CloseSpec } from '../model/close-codes';
import type { EndRenewal } from '../model/renewal';
import type { NodeId } from './brokers/broker';
import type { Outgoing } from '../wire/outgoing';
import type { Publisher } from './publisher';
import type { Revocation } from '../model/revocation';
import { RelayEncoder, nodeOfSession } from './relay';
import { revocationContents } from './login-frames';

/** Writes a node's frames and queues each on its way. `undefined` = there is nobody to tell. */
export class FrameSender {
  readonly #node: NodeId;
  readonly #encoder: RelayEncoder;
  readonly #publisher: Publisher;

  constructor(node: NodeId, multiTenant: boolean, publisher: Publisher) {
    this.#node = node;
    this.#encoder = new RelayEncoder(multiTenant);
    this.#publisher = publisher;
  }

  message(addressed: Addressed, outgoing: Outgoing, id: string): Promise<void> | undefined {
    if (reachesNobody(addressed)) return undefined;
    return this.#publisher.push(this.#encoder.message(addressed, outgoing, id), receiverOf(addressed));
  }

  disconnect(addressed: Addressed, close: CloseSpec, id: string): Promise<void> | undefined {
    if (reachesNobody(addressed)) return undefined;
    return this.#publisher.push(this.#encoder.disconnect(addressed, close, id), receiverOf(addressed));
  }

  revocation(revocation: Revocation, id: string): Promise<void> {
    const [content = ''] = revocationContents([revocation]);
    return this.#publisher.push(this.#encoder.login('revoke', content, id), undefined);
  }

  renewal(renewal: EndRenewal): Promise<void> | undefined {
    const to = nodeOfSession(renewal.sessionId);
    if (to === undefined || to === this.#node) return undefined;
    return this.#publisher.push(this.#encoder.login('renew', JSON.stringify(renewal), ''), to);
  }

  /** One of the `parts` frames that answer a question. */
  answer(content: string, parts: number, id: string, to: NodeId): Promise<void> {
    return this.#publisher.pushSign(this.#encoder.answer(content, parts, id), to);
  }

  probe(id: string, to: NodeId | undefined): Promise<void> {
    return this.#publisher.pushSign(this.#encoder.sign('probe', id), to);
  }

  /** Nobody waits for it, and nobody needs it: it only tells sooner what silence tells later. */
  sign(kind: 'hello' | 'bye' | 'ask', id: string): void {
    this.#publisher.pushSign(this.#encoder.sign(kind, id), undefined).catch(() => undefined);
  }
}

/** A list of users that is empty is nobody, and a session id that no node can have made is nobody's. */
function reachesNobody({ audience }: Addressed): boolean {
  if (audience.kind === 'user') return audience.ids.length === 0;
  return audience.kind === 'session' && nodeOfSession(audience.sessionId) === undefined;
}

/** A session's id names its node, known or not; everything else goes to all. */
function receiverOf({ audience }: Addressed): NodeId | undefined {
  return audience.kind === 'session' ? nodeOfSession(audience.sessionId) : undefined;
}
