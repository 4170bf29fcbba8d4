import type { NodeId } from './brokers/broker';

/**
 * Learns from the other nodes what was revoked: asks all, and is done with the first whole answer, or when nobody has
 * answered in time (this node may be the first).
 */
export class Learning {
  readonly #deadlineMs: number;
  #timer: NodeJS.Timeout | undefined;
  #number = 0;
  /** How many parts of its answer each node has sent. */
  readonly #parts = new Map<NodeId, number>();
  #handleDone: (() => void) | undefined;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /** Begins anew; what began before is never done. @returns the id of the question. */
  begin(handleDone: () => void): string {
    this.stop();
    this.#number += 1;
    this.#handleDone = handleDone;
    this.#timer = setTimeout(() => this.#finish(), this.#deadlineMs);
    return String(this.#number);
  }

  /** A part of an answer came. */
  handleAnswer(node: NodeId, id: string, parts: number): void {
    if (this.#handleDone === undefined || id !== String(this.#number)) return;
    const count = (this.#parts.get(node) ?? 0) + 1;
    this.#parts.set(node, count);
    if (count >= parts) this.#finish();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#handleDone = undefined;
    this.#parts.clear();
  }

  #finish(): void {
    const handleDone = this.#handleDone;
    this.stop();
    handleDone?.();
  }
}
