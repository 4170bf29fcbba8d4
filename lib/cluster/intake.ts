import type { ClusterSettings } from './settings';
import type { AnswerFrame, DisconnectFrame, FrameOrigin, MessageFrame, RelayFrame, SignFrame } from './relay-check';
import type { EndRenewal } from '../model/renewal';
import type { Revocation } from '../model/revocation';
import type { BatchLead } from './batch';
import type { MutableCounters } from './counters';
import type { NodeId } from './brokers/broker';
import type { OnEvent, RelayDroppedWhy } from '../model/events';
import type { Peer } from './peers';
import type { ProbeRoute } from './probes';
import type { Report } from '../session/report';
import { Peers } from './peers';
import { RealtimeError } from '../model/errors';
import { readFrame } from './relay-check';
import { readAnswer, readRenewal, readRevocations } from './login-frames';
import { readBatch, readLead } from './batch';

/** Where frames of other nodes end: the sessions of this process. */
export interface FrameReceiver {
  /**
   * Delivers a push. `readContent` gives the content's text, and is called only when somebody is there to get it.
   *
   * @returns false when the content turned out to be no JSON: nothing was delivered.
   */
  deliver(frame: MessageFrame, readContent: () => string): boolean;
  disconnect(frame: DisconnectFrame): void;
  /** Closes what was revoked, and remembers it. */
  revoke(revocations: readonly Revocation[]): void;
  /** All that is remembered as revoked, for a node that asks. */
  revoked(): readonly Revocation[];
  /** Gives a session a new end. */
  renew(renewal: EndRenewal): void;
}

/** What the intake stands on. */
export interface IntakeParts {
  readonly node: NodeId;
  readonly multiTenant: boolean;
  /** `undefined` for a node that only sends: what others publish is not looked at. */
  readonly receiver: FrameReceiver | undefined;
  readonly settings: ClusterSettings;
  readonly counters: MutableCounters;
  readonly report: Report;
  readonly onEvent: OnEvent;
  /** A frame of this node came back; `id` for a probe. */
  handleOwn(route: ProbeRoute, id: string | undefined): void;
  /** A node that was just started. */
  handleHello(): void;
  /** A node wants to know what was revoked. */
  handleAsk(node: NodeId, id: string): void;
  /** A part of the answer to what this node asked, after it was applied. */
  handleAnswer(frame: AnswerFrame): void;
}

/** When a batch came: on the clock that only runs forward, and on the one that frames carry. */
interface Times {
  readonly monotonic: number;
  readonly wall: number;
}

const SKEW_MS = 5000;
const MAX_TOLD_SCOPES = 1000;

/**
 * Takes what comes from the broker. A broker is half trusted: everything is checked, what does not fit is dropped and
 * counted, and nothing ever throws.
 */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #peers: Peers;
  readonly #limits: { readonly maxFrameBytes: number; readonly maxBytes: number; readonly maxFrames: number };
  /** Nodes whose `multiTenant` differs and that were reported. */
  readonly #toldScopes = new Set<NodeId>();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    const { maxFrameBytes, maxBatchBytes, maxBatchFrames, relayMaxAgeMs } = parts.settings;
    this.#peers = new Peers(relayMaxAgeMs);
    // Other nodes may have been given larger bounds.
    this.#limits = { maxFrameBytes, maxBytes: maxFrameBytes + maxBatchBytes, maxFrames: maxBatchFrames * 10 };
  }

  get peers(): number {
    return this.#peers.size;
  }

  /** Takes one broker message. */
  handleBytes(bytes: Buffer): void {
    try {
      this.#take(bytes);
    } catch (fault) {
      this.#parts.report(fault, { node: this.#parts.node });
    }
  }

  /** Counts what never came. */
  sweep(): void {
    const { counters, onEvent, settings } = this.#parts;
    this.#peers.sweep(performance.now(), settings.relayMaxAgeMs, (node, missing) => {
      counters.missing += missing;
      onEvent({ name: 'relay.gap', node, missing });
    });
  }

  #take(bytes: Buffer): void {
    const { node, receiver } = this.#parts;
    const lead = readLead(bytes, this.#limits.maxBytes);
    if (typeof lead === 'string') return this.#drop(lead, undefined);
    // On a broker that cannot address nodes everyone hears everything.
    if (lead.to !== undefined && lead.to !== node) return;
    if (lead.node === node) this.#takeOwn(bytes, lead);
    else if (receiver !== undefined) this.#takeBatch(bytes, lead, receiver);
  }

  /** What this node sent is not parsed again, but for what has no content: that may be a probe. */
  #takeOwn(bytes: Buffer, lead: BatchLead): void {
    const route = lead.to === undefined ? 'all' : 'self';
    const hasContent = lead.headerTo + 1 < bytes.length;
    this.#parts.handleOwn(route, hasContent ? undefined : this.#probeIn(bytes, lead));
  }

  /** The number of a probe, which is a batch of its own. */
  #probeIn(bytes: Buffer, lead: BatchLead): string | undefined {
    const { node, to } = lead;
    const batch = readBatch(bytes, lead, this.#limits);
    if (typeof batch === 'string') return undefined;
    const { seq, at } = batch;
    const frame = readFrame(batch.frames[0], { node, to, seq, at }, this.#parts.multiTenant);
    return typeof frame !== 'string' && frame.kind === 'probe' ? frame.id : undefined;
  }

  #takeBatch(bytes: Buffer, lead: BatchLead, receiver: FrameReceiver): void {
    const { node, to } = lead;
    const batch = readBatch(bytes, lead, this.#limits);
    if (typeof batch === 'string') return this.#drop(batch, node);
    const times: Times = { monotonic: performance.now(), wall: this.#parts.settings.now() };
    let { seq, contentsFrom: from } = batch;
    for (const [index, fields] of batch.frames.entries()) {
      const end = from + (batch.sizes[index] ?? 0);
      const contentFrom = from;
      const readContent = (): string => bytes.toString('utf8', contentFrom, end);
      this.#takeFrame(fields, { node, to, seq, at: batch.at }, receiver, times, readContent);
      from = end;
      seq += 1;
    }
  }

  #takeFrame(
    fields: unknown,
    origin: FrameOrigin,
    receiver: FrameReceiver,
    now: Times,
    readContent: () => string,
  ): void {
    const { multiTenant, settings } = this.#parts;
    const frame = readFrame(fields, origin, multiTenant);
    if (typeof frame === 'string') return this.#dropUnfit(frame, origin, now);
    const peer = this.#peers.get(frame.node, now.monotonic);
    if (!peer.windowOf(frame.to).add(frame.seq, now.monotonic)) return this.#drop('duplicate', frame.node);
    if (isSign(frame)) return this.#takeSign(frame, peer, now);
    const age = now.wall - frame.at - peer.clock.ms;
    if (age > settings.relayMaxAgeMs && !isAgeless(frame)) return this.#drop('stale', frame.node);
    this.#handOver(frame, receiver, readContent);
  }

  #handOver(frame: Exclude<RelayFrame, SignFrame>, receiver: FrameReceiver, readContent: () => string): void {
    try {
      if (!this.#isHandedOver(frame, receiver, readContent)) return this.#drop('malformed', frame.node);
      if (frame.kind === 'answer') this.#parts.handleAnswer(frame);
      else this.#parts.counters.received += 1;
    } catch (fault) {
      this.#parts.report(fault, { node: frame.node });
    }
  }

  /** @returns false when the content is not what it should be. */
  #isHandedOver(frame: Exclude<RelayFrame, SignFrame>, receiver: FrameReceiver, readContent: () => string): boolean {
    const { multiTenant } = this.#parts;
    switch (frame.kind) {
      case 'message':
        return receiver.deliver(frame, readContent);
      case 'disconnect':
        receiver.disconnect(frame);
        return true;
      case 'renew': {
        const renewal = readRenewal(readContent(), multiTenant);
        if (renewal !== undefined) receiver.renew(renewal);
        return renewal !== undefined;
      }
      case 'answer': {
        const answer = readAnswer(readContent(), multiTenant);
        if (answer === undefined) return false;
        receiver.revoke(answer.revocations);
        if (!answer.isWhole) this.#drop('malformed', frame.node);
        return true;
      }
      case 'revoke': {
        const revocations = readRevocations(readContent(), multiTenant);
        if (revocations !== undefined) receiver.revoke(revocations);
        return revocations !== undefined;
      }
    }
  }

  #takeSign(frame: SignFrame, peer: Peer, now: Times): void {
    peer.clock.observe(frame.at, now.wall);
    if (frame.kind === 'hello') this.#parts.handleHello();
    if (frame.kind === 'ask') this.#parts.handleAsk(frame.node, frame.id);
    if (frame.kind === 'bye') peer.hasLeft = true;
    if (peer.hasToldSkew || !peer.clock.isKnown || Math.abs(peer.clock.ms) <= SKEW_MS) return;
    peer.hasToldSkew = true;
    this.#parts.onEvent({ name: 'relay.skew', node: peer.node, skewMs: peer.clock.ms });
  }

  #dropUnfit(why: RelayDroppedWhy, { node, to, seq }: FrameOrigin, now: Times): void {
    this.#drop(why, node);
    // Of a node that is known: ids are easily made up.
    this.#peers.find(node)?.windowOf(to).addUnread(seq, now.monotonic);
    if (why !== 'scope' || this.#toldScopes.has(node)) return;
    if (this.#toldScopes.size >= MAX_TOLD_SCOPES) return;
    this.#toldScopes.add(node);
    const here = this.#parts.multiTenant ? 'on' : 'off';
    const message = `a frame of node ${node} does not fit multiTenant, which is ${here} here: it was dropped; all nodes of an application need the same setting`;
    this.#parts.report(new RealtimeError('ERR_REALTIME_TENANT', message), { node });
  }

  #drop(why: RelayDroppedWhy, node: NodeId | undefined): void {
    this.#parts.counters.dropped[why] += 1;
    this.#parts.onEvent(node === undefined ? { name: 'relay.dropped', why } : { name: 'relay.dropped', why, node });
  }
}

function isSign(frame: RelayFrame): frame is SignFrame {
  return frame.kind === 'probe' || frame.kind === 'hello' || frame.kind === 'bye' || frame.kind === 'ask';
}

/** What was revoked stays revoked, however late it is heard. */
function isAgeless({ kind }: RelayFrame): boolean {
  return kind === 'revoke' || kind === 'answer';
}
