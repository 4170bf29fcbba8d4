import type { MessageView } from 'rocketmq-client-nodejs';
import { RealtimeError } from '../../model/errors';
import { BatchSender } from './batch-sender';
import type { Outbound } from './batch-sender';
import type { BrokerNode, NodeId } from './broker';
import type { LinkScope } from './link-scope';
import { keepChecking } from './liveness';
import { namePart } from './name-part';
import { pause } from './pause';
import { Repeats } from './repeats';
import type { SendBytes } from './publish-queue';
import { SlotClaim } from './rocketmq-claim';
import { loadRocketmq, makeClients } from './rocketmq-driver';
import type { RocketmqAccess, RocketmqClients } from './rocketmq-driver';
import { explain, isMissingTopic, isUnanswered } from './rocketmq-faults';
import type { RocketmqNames } from './rocketmq-faults';
import { packFrames, readHead, slotTag, unpackFrames, writeMessage } from './rocketmq-message';
import type { RocketmqNews } from './rocketmq-message';
import { endClients } from './rocketmq-goodbye';
import { reachProxy } from './rocketmq-reach';
import { RocketmqSlots } from './rocketmq-slots';

/** What all links of one broker share. */
export interface RocketmqPlan extends RocketmqNames {
  readonly access: RocketmqAccess;
  readonly slot: string;
  readonly publishTimeoutMs: number;
  readonly state: RocketmqState;
}

/** What outlives the links of one broker. */
export class RocketmqState {
  readonly slots = new RocketmqSlots();
  readonly repeats = new Repeats();
  /** How many messages this node has sent. */
  published = 0;
  /** Set once the first probe has come back: what was read before is older than this process. */
  isHistoryPast = false;
  /** Of the link that is open, or being opened. */
  scope: LinkScope | undefined;
}

/** The driver alone would wait for ever. */
const startMs = 10_000;
/** A topic just made may be unknown for a moment. */
const missingTopic = { tries: 3, pauseMs: 400 };
/** Nothing of this node has come back for a while: then a probe; the link is lost when that does not come back. */
const liveness = { intervalMs: 2500, deadlineMs: 4000 };
/** A message holds at most 4 MB as installed; a larger frame than this goes alone. */
const batch = { maxCount: 500, maxBytes: 1_000_000 };
/** `MessageType.FIFO`. */
const fifo = 2;

/** One producer and one push consumer in the slot's group, from their start to their end. */
export class RocketmqLink {
  readonly #plan: RocketmqPlan;
  readonly #node: BrokerNode;
  readonly #scope: LinkScope;
  readonly #app: string;
  readonly #claim: SlotClaim;
  #clients: RocketmqClients | undefined;
  #sender: BatchSender | undefined;
  #messageGroup: string | undefined;
  #refuse: (fault: unknown) => void = () => {};

  constructor(plan: RocketmqPlan, node: BrokerNode, scope: LinkScope) {
    this.#plan = plan;
    this.#node = node;
    this.#scope = scope;
    this.#app = namePart(node.name);
    plan.state.scope = scope;
    this.#claim = new SlotClaim({
      nodeId: node.id,
      slot: plan.slot,
      send: (head) => this.#send(slotTag(plan.slot), head),
      handleShared: (error) => scope.lose(error),
    });
  }

  async open(): Promise<SendBytes> {
    try {
      // Before anything that waits for the server: a missing package is no reason to wait.
      loadRocketmq();
      await reachProxy(this.#plan.access.endpoints, this.#scope.signal);
      await this.#start();
      this.#checkQueues();
      await this.#claim.prove(this.#scope.signal);
    } catch (fault) {
      throw explain(fault, this.#plan);
    }
    keepChecking(this.#scope, { ...liveness, check: () => this.#claim.check(this.#scope.signal) });
    this.#sender = new BatchSender({
      ...{ ...batch, timeoutMs: this.#plan.publishTimeoutMs },
      send: (parts) => this.#sendFrames(parts),
      canJoin: (first, next) => isSameRoute(first.to, next.to),
      isTooLarge: () => false,
    });
    const sender = this.#sender;
    return (bytes, to) => (to.length === 0 ? Promise.resolve() : sender.send(bytes, to));
  }

  async #start(): Promise<void> {
    this.#scope.onEnd(async () => {
      const cause = await this.#scope.lost;
      if (this.#clients)
        await endClients(this.#clients, cause, () => this.#send(slotTag(this.#plan.slot), { kind: 'wake' }));
    });
    for (let tries = 1; !this.#scope.signal.aborted; tries += 1) {
      try {
        await this.#tryStart();
        return;
      } catch (fault) {
        this.#clients?.cut();
        if (!isMissingTopic(fault) || tries >= missingTopic.tries) throw fault;
        await pause(missingTopic.pauseMs, this.#scope.signal);
      }
    }
  }

  async #tryStart(): Promise<void> {
    const { access, topic, group, slot } = this.#plan;
    const refused = new Promise<never>((_resolve, reject) => {
      this.#refuse = reject;
    });
    // Nobody listens any more once the start is done.
    refused.catch(() => {});
    const tags = `all||${slotTag(slot)}`;
    this.#clients = makeClients(
      access,
      { topic, group, tags },
      {
        handleMessage: (message) => this.#handleMessage(message),
        handleStreamFault: (fault) => this.#handleStreamFault(fault),
        handlePollFault: (fault) => this.#lose(explain(fault, this.#plan)),
      },
    );
    const { producer, consumer } = this.#clients;
    const timer = setTimeout(() => this.#refuse(new Error(`no start within ${startMs} ms`)), startMs);
    try {
      await Promise.race([Promise.all([producer.startup(), consumer.startup()]), refused]);
    } finally {
      clearTimeout(timer);
    }
  }

  #lose(error: Error): void {
    this.#sender?.stop(error);
    this.#scope.lose(error);
  }

  /** Broken streams are reopened by the driver; a refusal would be repeated for ever. */
  #handleStreamFault(fault: Error): void {
    const error = explain(fault, this.#plan);
    if (error instanceof RealtimeError) this.#refuse(error);
  }

  /** Several queues keep no order, unless the topic is of the type that sorts by group. */
  #checkQueues(): void {
    const queues = this.#clients?.queues() ?? [];
    if (queues.some((queue) => queue.acceptMessageTypesList.includes(fifo))) {
      this.#messageGroup = this.#node.id;
      return;
    }
    if (queues.length <= 1) return;
    const message = `topic ${this.#plan.topic} has ${queues.length} queues, and so no order: give it one (mqadmin updateTopic … -r 1 -w 1), or make it a FIFO topic`;
    throw new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
  }

  #handleMessage(message: MessageView): void {
    this.#scope.heard();
    const head = readHead(message);
    if (head?.app !== this.#app) return;
    const { state } = this.#plan;
    state.slots.learn(head.node, head.slot);
    const isOwn = head.node === this.#node.id;
    if (isOwn) this.#claim.heardSelf();
    if (head.kind !== 'frames') {
      // A link that has ended claims nothing any more, though it may still hear.
      if (!this.#scope.signal.aborted) this.#claim.handle(head, (message.deliveryAttempt ?? 1) <= 1);
      state.isHistoryPast ||= this.#claim.hasEchoed;
      return;
    }
    if (!state.isHistoryPast || !(head.to?.includes(this.#node.id) ?? true)) return;
    if (!state.repeats.isNew(head.node, head.count ?? 0)) return;
    // A poll may outlive its link on a broker that hung; what it brings is still for this node.
    for (const frame of unpackFrames(message.body)) state.scope?.deliver(frame);
  }

  /** All parts have one route. */
  async #sendFrames(parts: readonly Outbound[]): Promise<void> {
    const { to } = parts[0] ?? { to: [] };
    const { state } = this.#plan;
    state.published += 1;
    const news = { kind: 'frames', count: state.published, ...(to !== 'all' && { to }) } as const;
    try {
      await this.#send(state.slots.tagFor(to), news, packFrames(parts.map((part) => part.bytes)));
    } catch (fault) {
      const error = explain(fault, this.#plan);
      // A proxy that hangs: whatever is sent now would come late, and all at once.
      if (isUnanswered(fault)) this.#lose(error);
      throw error;
    }
  }

  async #send(tag: string, head: RocketmqNews, body?: Buffer): Promise<void> {
    const whole = { app: this.#app, node: this.#node.id, slot: this.#plan.slot, ...head };
    const message = writeMessage(this.#plan.topic, tag, whole, body);
    const group = this.#messageGroup;
    await this.#clients?.producer.send(group === undefined ? message : { ...message, messageGroup: group });
  }
}

type Route = 'all' | readonly NodeId[];

function isSameRoute(one: Route, other: Route): boolean {
  if (one === 'all' || other === 'all') return one === other;
  return one.length === other.length && one.every((node, index) => node === other[index]);
}
