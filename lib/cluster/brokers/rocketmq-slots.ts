import type { NodeId } from './broker';
import { slotTag } from './rocketmq-message';

/** Nodes are new at each start: old ones are forgotten, oldest first. */
const maxKnown = 5000;

/** Which slot each node sits on, learned from what it publishes, its probes included. */
export class RocketmqSlots {
  readonly #slots = new Map<NodeId, string>();

  learn(node: NodeId, slot: string): void {
    if (this.#slots.get(node) === slot) return;
    this.#slots.set(node, slot);
    if (this.#slots.size <= maxKnown) return;
    for (const oldest of this.#slots.keys()) {
      this.#slots.delete(oldest);
      return;
    }
  }

  /** The tag that reaches these nodes: their slot's when they share one and it is known, else `all`. */
  tagFor(to: 'all' | readonly NodeId[]): string {
    if (to === 'all') return 'all';
    const slots = new Set(to.map((node) => this.#slots.get(node)));
    const [slot] = slots;
    return slots.size === 1 && slot !== undefined ? slotTag(slot) : 'all';
  }
}
