import type { Addressed } from '../model/audience';
import type { ClusterLink } from '../cluster/link';
import type { DisconnectOptions, Sender, TenantSender } from '../model/sender';
import type { Hub } from '../session/hub';
import type { Id } from '../model/login-user';
import type { Receipt } from '../model/receipt';
import type { Revocation, RevocationInput, RevokeOptions } from '../model/revocation';
import type { Revocations } from '../session/revocations';
import type { Target, TargetContext } from '../model/target';
import { CloseCode, closeSpec } from '../model/close-codes';
import { ID_WANTED, isId } from '../model/login-user';
import { Outgoing } from '../wire/outgoing';
import { UNCHECKED } from '../model/outbound-check';
import { RealtimeError, describeValue } from '../model/errors';
import { RelayError } from '../model/receipt';
import { checkJsonText, toJsonText } from '../model/json';
import type { OutboundCheck } from '../model/outbound-check';
import { checkType } from '../model/message-type';
import { parseRevocation } from '../model/revocation';
import { parseTarget } from '../model/target';

/** What a sender stands on. */
export interface SenderParts {
  readonly hub: Hub;
  readonly link: ClusterLink;
  readonly revocations: Revocations;
  /** How long a revocation is remembered, when the call does not say. */
  readonly revocationMemoryMs: number;
  /** Keeps a revocation beyond this process, where there is a store. */
  readonly keepRevocation?: ((revocation: Revocation) => Promise<void>) | undefined;
  readonly multiTenant: boolean;
  /** The largest content as JSON text, in UTF-16 units: more than fits into a socket's buffer reaches nobody. */
  readonly maxContentLength: number;
  /** Checks content against the contract, where there is one. */
  readonly checkOutbound?: OutboundCheck;
}

/** The senders of one attach; they share one pipeline, so that message ids are unique. */
export interface Senders {
  /** The plain one. Its methods are bound, so that destructuring works. */
  readonly sender: Sender;
  /** One that is bound to the tenant of a session; `''` where there are no tenants. */
  readonly boundTo: (tenant: string) => TenantSender;
}

/** Makes the senders of one attach. */
export function createSenders(parts: SenderParts): Senders {
  const { multiTenant } = parts;
  const pipeline = new Pipeline(parts);
  const sender: Sender = {
    ...methodsOf(pipeline, { multiTenant }),
    forTenant: (tenantId: Id) => createTenantSender(pipeline, tenantId, multiTenant),
  };
  return { sender, boundTo: (boundTenant) => methodsOf(pipeline, { multiTenant, boundTenant }) };
}

function createTenantSender(pipeline: Pipeline, tenantId: unknown, multiTenant: boolean): TenantSender {
  if (!multiTenant) throw new RealtimeError('ERR_REALTIME_TENANT', 'forTenant needs multiTenant: true');
  if (!isId(tenantId)) {
    throw new RealtimeError('ERR_REALTIME_TENANT', `a tenant must be a ${ID_WANTED}, got ${describeValue(tenantId)}`);
  }
  return methodsOf(pipeline, { multiTenant, boundTenant: String(tenantId) });
}

function methodsOf(pipeline: Pipeline, context: TargetContext): TenantSender {
  return {
    send: (target: Target, type: string, content: unknown) =>
      pipeline.send(parseTarget(target, context), checkType(type), pipeline.toText(type, content)),
    sendText: (target: Target, type: string, jsonText: string) =>
      pipeline.send(parseTarget(target, context), checkType(type), pipeline.checkText(type, jsonText)),
    disconnect: (target: Target, options?: DisconnectOptions) =>
      pipeline.disconnect(parseTarget(target, context), options),
    revoke: (revocation: RevocationInput, options: RevokeOptions = {}) =>
      pipeline.revoke(parseRevocation(revocation, options.untilMs ?? pipeline.defaultUntilMs, context)),
    count: (target: Target) => Promise.resolve(pipeline.count(parseTarget(target, context))),
    isOnline: (target: Target) => Promise.resolve(pipeline.count(parseTarget(target, context)) > 0),
  };
}

/** The one way out: stamp, deliver here, publish. */
class Pipeline {
  readonly #parts: SenderParts;
  #sent = 0;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  send(addressed: Addressed, type: string, contentText: string): Promise<Receipt> {
    const { hub, link, maxContentLength } = this.#parts;
    if (contentText.length > maxContentLength) {
      throw new RealtimeError(
        'ERR_REALTIME_CONTENT',
        `content of ${contentText.length} characters is above the limit of ${maxContentLength} (maxBufferedBytes)`,
      );
    }
    if (link.isClosed) return rejectedClosed();
    const outgoing = new Outgoing(type, contentText);
    const id = this.#stamp();
    const delivered = hub.deliver(addressed, outgoing);
    if (this.#isOnlyHere(addressed)) return settled({ id, delivered, relay: 'none' });
    return receiptAfter(link.publishMessage(addressed, outgoing, id), id, delivered);
  }

  toText(type: string, content: unknown): string {
    this.#parts.checkOutbound?.(type, content);
    return toJsonText(content);
  }

  /** Parsed only where a contract wants to see it. */
  checkText(type: string, jsonText: string): string {
    const text = checkJsonText(jsonText);
    const { checkOutbound = UNCHECKED } = this.#parts;
    if (checkOutbound !== UNCHECKED) checkOutbound(type, JSON.parse(text));
    return text;
  }

  disconnect(addressed: Addressed, options: DisconnectOptions = {}): Promise<Receipt> {
    const { hub, link } = this.#parts;
    const spec = closeSpec(options.code ?? CloseCode.removed, options.reason ?? '');
    if (link.isClosed) return rejectedClosed();
    const id = this.#stamp();
    // A list of its own: closing may change the hub.
    const sessions = hub.list(addressed).filter((session) => session.isOpen);
    for (const session of sessions) session.end('app', spec.code, spec.reason);
    if (this.#isOnlyHere(addressed)) return settled({ id, delivered: sessions.length, relay: 'none' });
    return receiptAfter(link.publishDisconnect(addressed, spec, id), id, sessions.length);
  }

  get defaultUntilMs(): number {
    return Date.now() + this.#parts.revocationMemoryMs;
  }

  revoke(revocation: Revocation): Promise<Receipt> {
    const { link, revocations } = this.#parts;
    if (link.isClosed) return rejectedClosed();
    const id = this.#stamp();
    const delivered = revocations.apply([revocation]);
    const relayed = receiptAfter(link.publishRevocation(revocation, id), id, delivered, REVOCATION);
    const kept = this.#parts.keepRevocation?.(revocation);
    return kept === undefined ? relayed : afterKept(kept, relayed);
  }

  count(addressed: Addressed): number {
    let count = 0;
    this.#parts.hub.forEach(addressed, (session) => {
      if (session.isOpen) count += 1;
    });
    return count;
  }

  /** A session id names its node: a push to a session of this node is no other node's business. */
  #isOnlyHere({ audience }: Addressed): boolean {
    return audience.kind === 'session' && audience.sessionId.startsWith(`${this.#parts.link.nodeId}.`);
  }

  #stamp(): string {
    this.#sent += 1;
    return `${this.#parts.link.nodeId}-${this.#sent.toString(36)}`;
  }
}

/** What a broker did not take, in words. */
const REVOCATION = 'the revocation, which was applied in this process alone';

function afterKept(kept: Promise<void>, relayed: Promise<Receipt>): Promise<Receipt> {
  const both = kept.then(
    () => relayed,
    (cause: unknown): never => {
      const message = 'the store did not keep the revocation: it was applied, and may be forgotten at a restart';
      throw new RealtimeError('ERR_REALTIME_BROKER', message, { cause });
    },
  );
  // As in receiptAfter.
  both.catch(() => undefined);
  return both;
}

function receiptAfter(
  publishing: Promise<void> | undefined,
  id: string,
  delivered: number,
  what?: string,
): Promise<Receipt> {
  if (publishing === undefined) return settled({ id, delivered, relay: 'none' });
  const receipt: Promise<Receipt> = publishing.then(
    (): Receipt => ({ id, delivered, relay: 'accepted' }),
    (cause: unknown): never => {
      // A caller who does not await must not crash the process; who awaits still gets the rejection.
      receipt.catch(() => undefined);
      if (cause instanceof RealtimeError && cause.code === 'ERR_REALTIME_CLOSED') throw cause;
      throw new RelayError({ id, delivered, relay: 'none' }, cause, what);
    },
  );
  return receipt;
}

function rejectedClosed(): Promise<Receipt> {
  const rejected = Promise.reject(new RealtimeError('ERR_REALTIME_CLOSED', 'this sender has been closed'));
  rejected.catch(() => undefined);
  return rejected;
}

function settled(receipt: Receipt): Promise<Receipt> {
  return Promise.resolve(receipt);
}
