import type { BrokerHealth } from '../../lib/cluster/health';
import type { ClusterSettings } from '../../lib/cluster/settings';
import type { LiveSession } from '../../lib/session/live-session';
import type { MemoryBrokerOptions, MemoryBus } from '../../lib/testing/memory-broker';
import type { Outgoing } from '../../lib/wire/outgoing';
import type { RealtimeEvent } from '../../lib/model/events';
import type { Sender } from '../../lib/model/sender';
import { ClusterNode } from '../../lib/cluster/node';
import { DEFAULT_SETTINGS } from '../../lib/cluster/settings';
import { Hub } from '../../lib/session/hub';
import { Revocations } from '../../lib/session/revocations';
import { createSenders } from '../../lib/outbound/sender';
import { hubReceiver } from '../../lib/cluster/deliver';
import { memoryBus } from '../../lib/testing/memory-broker';

/** Figures that make faults visible in milliseconds. */
export const FAST: Partial<ClusterSettings> = {
  tickMs: 10,
  startProbeMs: 20,
  idleProbeMs: 60,
  repeatProbeMs: 20,
  deafAfterMs: 200,
  learnWithinMs: 20,
  closeDrainMs: 500,
};

export interface NodeOptions {
  readonly nodeId?: string;
  readonly name?: string;
  readonly multiTenant?: boolean;
  readonly startTimeoutMs?: number;
  readonly settings?: Partial<ClusterSettings>;
  readonly broker?: MemoryBrokerOptions;
}

export interface LoginOptions {
  readonly userType?: number;
  readonly tenantId?: string;
  readonly rooms?: readonly string[];
}

/** What one socket would have got. */
export class FakeSession {
  readonly texts: string[] = [];
  readonly closes: { readonly code: number; readonly reason: string }[] = [];
  readonly id: string;
  readonly loginUser: { readonly id: number; readonly userType: number };
  readonly tenant: string;
  readonly rooms = new Set<string>();
  readonly #changed: () => void;

  constructor(id: string, userId: number, options: LoginOptions, changed: () => void) {
    this.id = id;
    this.loginUser = { id: userId, userType: options.userType ?? 0 };
    this.tenant = options.tenantId ?? '';
    this.#changed = changed;
  }

  get isOpen(): boolean {
    return this.closes.length === 0;
  }

  deliver(outgoing: Outgoing): boolean {
    this.texts.push(outgoing.contentText);
    this.#changed();
    return true;
  }

  end(_why: string, code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.#changed();
  }
}

/** A node with a sender and a hub of its own, and all that it told. */
export class TestNode {
  readonly node: ClusterNode;
  readonly hub = new Hub();
  readonly sender: Sender;
  readonly events: RealtimeEvent[] = [];
  readonly errors: unknown[] = [];
  readonly #changed: () => void;
  #sessions = 0;

  constructor(bus: MemoryBus, nodeId: string, options: NodeOptions, changed: () => void) {
    this.#changed = changed;
    const multiTenant = options.multiTenant ?? false;
    const revocations = new Revocations(this.hub, (error) => this.#note(this.errors, error));
    this.node = new ClusterNode({
      nodeId,
      name: options.name ?? 'shop',
      broker: bus.broker(options.broker),
      multiTenant,
      receiver: hubReceiver(this.hub, revocations),
      startTimeoutMs: options.startTimeoutMs,
      settings: { ...DEFAULT_SETTINGS, ...FAST, ...options.settings },
      report: (error) => this.#note(this.errors, error),
      onEvent: (event) => this.#note(this.events, event),
    });
    this.sender = createSenders({
      ...{ hub: this.hub, link: this.node, revocations, multiTenant },
      ...{ revocationMemoryMs: 60_000, maxContentLength: 2 ** 20 },
    }).sender;
  }

  /** Logs a user in. */
  login(userId: number, options: LoginOptions = {}): FakeSession {
    this.#sessions += 1;
    const session = new FakeSession(`${this.node.nodeId}.${this.#sessions}`, userId, options, this.#changed);
    // The hub and the receiver ask no more of a session than what the fake has.
    const live = session as unknown as LiveSession;
    this.hub.add(live);
    for (const room of options.rooms ?? []) {
      session.rooms.add(room);
      this.hub.join(live, room);
    }
    return session;
  }

  get broker(): BrokerHealth {
    return this.node.health().broker;
  }

  get counters() {
    return this.node.health().counters;
  }

  named<Name extends RealtimeEvent['name']>(name: Name): Extract<RealtimeEvent, { name: Name }>[] {
    return this.events.filter((event): event is Extract<RealtimeEvent, { name: Name }> => event.name === name);
  }

  #note<Entry>(list: Entry[], entry: Entry): void {
    list.push(entry);
    this.#changed();
  }
}

/** A bus with its nodes; everything is closed by {@link TestCluster.close}. */
export class TestCluster {
  readonly bus = memoryBus();
  readonly #nodes: TestNode[] = [];
  readonly #looks = new Set<() => void>();

  /** A node that is being started. */
  open(options: NodeOptions = {}): TestNode {
    const nodeId = options.nodeId ?? `node${this.#nodes.length + 1}`;
    const node = new TestNode(this.bus, nodeId, options, () => this.#lookAgain());
    this.#nodes.push(node);
    return node;
  }

  /** A node that is ready. */
  async start(options: NodeOptions = {}): Promise<TestNode> {
    const node = this.open(options);
    await node.node.ready;
    return node;
  }

  /** Resolves as soon as it holds, looked at whenever a session or a hook is told something. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
    });
  }

  async close(): Promise<void> {
    this.bus.resume();
    this.bus.up();
    this.#looks.clear();
    await Promise.all(this.#nodes.map(({ node }) => node.close()));
  }

  #lookAgain(): void {
    for (const look of [...this.#looks]) look();
  }
}

/** The error of a promise that must reject. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'fulfilled') throw new Error('it resolved, and should have been rejected');
  return outcome.reason as Error;
}
