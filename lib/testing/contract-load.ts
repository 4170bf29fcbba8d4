import { equal, ok } from 'node:assert/strict';
import type { BrokerContractLimits } from './contract-setup';
import type { ContractNode } from './contract-node';
import { settlesWithin } from './contract-node';

interface Sent {
  readonly text: string;
  readonly at: number;
  readonly settled: Promise<void>;
  tookMs: number;
  isAccepted: boolean;
  /** Published while both nodes were connected and no fault was near: accepted means delivered. */
  isCalm: boolean;
}

const everyMs = 20;
/** What was published so shortly before a fault may be caught on its way. */
const onItsWayMs = 200;

/** A steady load from the first node to the second, all through a fault. */
export class PublishLoad {
  readonly #from: ContractNode;
  readonly #to: ContractNode;
  readonly #sent: Sent[] = [];
  readonly #timer: NodeJS.Timeout;
  #isCalm = true;

  private constructor(from: ContractNode, to: ContractNode) {
    this.#from = from;
    this.#to = to;
    this.#timer = setInterval(() => this.#publish(), everyMs);
  }

  /**
   * Keeps up a load while a fault is made and mended, then checks it.
   *
   * @param run gets what to call right before the fault; resolves when both nodes are up again.
   * @returns the counts, as text.
   */
  static async during(
    [from, to]: readonly ContractNode[],
    limits: BrokerContractLimits,
    run: (faultBegins: () => void) => Promise<void>,
  ): Promise<string> {
    ok(from && to);
    const load = new PublishLoad(from, to);
    try {
      await to.hears('load 25', limits.deliverMs);
      await run(() => load.#faultBegins());
      load.#isCalm = true;
      await load.#finish(limits);
      return load.#check(limits);
    } finally {
      clearInterval(load.#timer);
    }
  }

  #faultBegins(): void {
    this.#isCalm = false;
    const since = performance.now() - onItsWayMs;
    for (const sent of this.#sent) if (sent.at >= since) sent.isCalm = false;
  }

  /** Lets it run on for a while, then ends it. */
  async #finish(limits: BrokerContractLimits): Promise<void> {
    const last = this.#sent.length + 25;
    await this.#to.hears(`load ${last}`, limits.deliverMs);
    clearInterval(this.#timer);
    await settlesWithin(
      Promise.all(this.#sent.map(({ settled }) => settled)),
      limits.publishMs,
      'a publish under load',
    );
    await this.#from.broker.publish(Buffer.from('load end'), 'all');
    await this.#to.hears('load end', limits.deliverMs);
  }

  /** All settled in time, nothing came twice, nothing of a calm time was lost. */
  #check(limits: BrokerContractLimits): string {
    const counts = new Map<string, number>();
    for (const text of this.#to.texts) counts.set(text, (counts.get(text) ?? 0) + 1);
    const accepted = this.#sent.filter(({ isAccepted }) => isAccepted);
    const lost = accepted.filter(({ text, isCalm }) => isCalm && !counts.has(text)).length;
    const twice = this.#sent.filter(({ text }) => (counts.get(text) ?? 0) > 1).length;
    const late = this.#sent.filter(({ text, isAccepted }) => !isAccepted && counts.has(text)).length;
    const slowest = Math.round(Math.max(...this.#sent.map(({ tookMs }) => tookMs)));
    const summary =
      `${this.#sent.length} published, ${accepted.length} accepted, ${lost} accepted and lost while connected, ` +
      `${twice} came twice, ${late} rejected ones came all the same, slowest answer ${slowest} ms`;
    ok(slowest <= limits.publishMs, `a publish took ${slowest} ms`);
    equal(lost, 0, `accepted and lost while both were connected: ${summary}`);
    equal(twice, 0, `came twice: ${summary}`);
    return summary;
  }

  #publish(): void {
    const at = performance.now();
    const text = `load ${this.#sent.length}`;
    const note = (isAccepted: boolean): void => {
      sent.tookMs = performance.now() - at;
      sent.isAccepted = isAccepted;
    };
    const settled = this.#from.broker.publish(Buffer.from(text), 'all').then(
      () => note(true),
      () => note(false),
    );
    const sent: Sent = { text, at, settled, tookMs: 0, isAccepted: false, isCalm: this.#isCalm };
    this.#sent.push(sent);
  }
}
