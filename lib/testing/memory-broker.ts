import type { Broker, BrokerNode, NodeId } from '../cluster/brokers/broker';
import { RealtimeError } from '../model/errors';

/** How one broker of a bus takes part. */
export interface MemoryBrokerOptions {
  /** Brokers with the same group share what comes, as nodes do that were given one consumer group by mistake. */
  readonly group?: string;
}

/** A message on the bus. */
export interface MemoryMessage {
  readonly bytes: Buffer;
  readonly to: 'all' | readonly NodeId[];
}

/** Tells which broker messages a fault is for, e.g. `(bytes) => bytes.includes('order-7')`. */
export type MatchBytes = (bytes: Buffer) => boolean;

/** A broker that lives in this process, with the faults of real ones at hand. */
export interface MemoryBus {
  /** Makes the broker of one node. */
  broker(options?: MemoryBrokerOptions): Broker;
  /** What nodes published and the bus took, in order; {@link MemoryBus.inject} is not noted. */
  readonly published: readonly MemoryMessage[];
  /** Breaks every connection: nodes are told `down`, publishes are rejected until {@link MemoryBus.up}. */
  down(cause?: Error): void;
  up(): void;
  /** Stops answering, as a frozen process does: publishes stay open, nothing is delivered, nobody is told. */
  hang(): void;
  /** Takes and delivers what {@link MemoryBus.hang} held back. */
  resume(): void;
  /** Delivers each of the next messages twice; `matches` picks which ones count, here and below. */
  duplicateNext(count?: number, matches?: MatchBytes): void;
  /** Takes the next messages and delivers them to nobody. */
  dropNext(count?: number, matches?: MatchBytes): void;
  /** Delivers the next message after the one that follows it, of those that match. */
  reorderNext(matches?: MatchBytes): void;
  /** Rejects the next publishes, and delivers them all the same: the outcome that no caller can know. */
  rejectNext(count?: number, matches?: MatchBytes): void;
  /** Holds every message back for that long; 0 = none. */
  delay(ms: number): void;
  /** Puts bytes on the bus as any client of a broker can. */
  inject(bytes: Buffer): void;
  /** Resolves when everything published so far was delivered; not while it hangs. */
  settled(): Promise<void>;
}

/** Makes a bus; nodes whose brokers come from it and whose `name` is the same hear each other. */
export function memoryBus(): MemoryBus {
  const core = new BusCore();
  return {
    broker: (options = {}) => new MemoryBroker(core, options.group),
    published: core.published,
    down: (cause = new Error('the bus is down')) => core.setDown(cause),
    up: () => core.setDown(undefined),
    hang: () => core.hang(),
    resume: () => core.resume(),
    duplicateNext: (count = 1, matches) => core.addFaults('duplicate', count, matches),
    dropNext: (count = 1, matches) => core.addFaults('drop', count, matches),
    reorderNext: (matches) => core.addFaults('reorder', 1, matches),
    rejectNext: (count = 1, matches) => core.addFaults('reject', count, matches),
    delay: (ms) => core.setDelay(ms),
    inject: (bytes) => core.carry({ bytes, to: 'all' }),
    settled: () => core.settled(),
  };
}

type FaultKind = 'duplicate' | 'drop' | 'reorder' | 'reject';

interface Fault {
  readonly kind: FaultKind;
  readonly matches: MatchBytes;
}

class BusCore {
  readonly published: MemoryMessage[] = [];
  readonly #brokers = new Set<MemoryBroker>();
  readonly #faults: Fault[] = [];
  /** Runs what the bus does while it hangs, once it no longer does. */
  #held: (() => void)[] | undefined;
  #overtaken: { readonly message: MemoryMessage; readonly matches: MatchBytes } | undefined;
  #downCause: Error | undefined;
  #delayMs = 0;
  #underWay = 0;
  #turn = 0;
  #waiting: (() => void)[] = [];

  join(broker: MemoryBroker): void {
    this.#brokers.add(broker);
    broker.tell(this.#downCause);
  }

  leave(broker: MemoryBroker): void {
    this.#brokers.delete(broker);
  }

  publish(message: MemoryMessage, name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenAwake(() => {
        if (this.#downCause !== undefined) return reject(refusal(this.#downCause));
        const fault = this.#takeFault(message.bytes);
        this.published.push(message);
        if (fault?.kind !== 'drop') this.#carryWith(fault, message, name);
        if (fault?.kind === 'reject') reject(refusal(new Error('it gave no answer')));
        else resolve();
      });
    });
  }

  /** Delivers to the brokers of an application; of every one when none is named. */
  carry(message: MemoryMessage, name?: string): void {
    this.#underWay += 1;
    const deliver = (): void => {
      if (this.#held !== undefined) {
        this.#held.push(deliver);
        return;
      }
      this.#deliver(message, name);
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    };
    if (this.#delayMs > 0) setTimeout(deliver, this.#delayMs);
    else setImmediate(deliver);
  }

  setDown(cause: Error | undefined): void {
    if ((cause === undefined) === (this.#downCause === undefined)) return;
    this.#downCause = cause;
    for (const broker of this.#brokers) broker.tell(cause);
  }

  hang(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
  }

  addFaults(kind: FaultKind, count: number, matches: MatchBytes = () => true): void {
    for (let each = 0; each < count; each += 1) this.#faults.push({ kind, matches });
  }

  setDelay(ms: number): void {
    this.#delayMs = ms;
  }

  settled(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #takeFault(bytes: Buffer): Fault | undefined {
    const at = this.#faults.findIndex(({ matches }) => matches(bytes));
    return at === -1 ? undefined : this.#faults.splice(at, 1)[0];
  }

  #carryWith(fault: Fault | undefined, message: MemoryMessage, name: string): void {
    if (fault?.kind === 'reorder') {
      this.#overtaken = { message, matches: fault.matches };
      return;
    }
    this.carry(message, name);
    if (fault?.kind === 'duplicate') this.carry(message, name);
    const overtaken = this.#overtaken;
    if (overtaken === undefined || !overtaken.matches(message.bytes)) return;
    this.#overtaken = undefined;
    this.carry(overtaken.message, name);
  }

  #deliver(message: MemoryMessage, name: string | undefined): void {
    const groups = new Map<string | MemoryBroker, MemoryBroker[]>();
    for (const broker of this.#brokers) {
      if (name !== undefined && broker.name !== name) continue;
      const key = broker.group ?? broker;
      groups.set(key, [...(groups.get(key) ?? []), broker]);
    }
    this.#turn += 1;
    for (const members of groups.values()) members[this.#turn % members.length]?.receive(message);
  }

  #whenAwake(run: () => void): void {
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }
}

class MemoryBroker implements Broker {
  readonly label = 'memory';
  readonly group: string | undefined;
  readonly #core: BusCore;
  #node: BrokerNode | undefined;
  #isClosed = false;
  #state: 'up' | 'down' | undefined;
  #handleUp: (() => void) | undefined;

  constructor(core: BusCore, group: string | undefined) {
    this.#core = core;
    this.group = group;
  }

  get name(): string | undefined {
    return this.#node?.name;
  }

  async start(node: BrokerNode): Promise<void> {
    if (this.#isClosed) throw closedError();
    this.#node = node;
    this.#core.join(this);
    if (this.#state === 'up') return;
    await new Promise<void>((resolve) => {
      this.#handleUp = resolve;
    });
    if (this.#isClosed) throw closedError();
  }

  async publish(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    if (this.#isClosed || this.#node === undefined) throw closedError();
    await this.#core.publish({ bytes, to }, this.#node.name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#core.leave(this);
    this.#handleUp?.();
  }

  tell(downCause: Error | undefined): void {
    const state = downCause === undefined ? 'up' : 'down';
    if (this.#isClosed || state === this.#state) return;
    this.#state = state;
    this.#node?.onState(state, downCause);
    if (state === 'up') this.#handleUp?.();
  }

  receive({ bytes, to }: MemoryMessage): void {
    if (this.#isClosed || this.#node === undefined) return;
    if (to === 'all' || to.includes(this.#node.id)) this.#node.onBytes(bytes);
  }
}

function refusal(cause: Error): RealtimeError {
  return new RealtimeError('ERR_REALTIME_BROKER', `memory did not take the bytes: ${cause.message}`, { cause });
}

function closedError(): RealtimeError {
  return new RealtimeError('ERR_REALTIME_CLOSED', 'memory has been closed');
}
