import type { AnswerFrame } from './relay-check';
import type { NodeId } from './brokers/broker';
import type { Revocation } from '../model/revocation';
import { revocationContents } from './login-frames';

/** What learning asks of the node. */
export interface LearningHost {
  /** How long to wait for the first answer. */
  readonly withinMs: number;
  /** All that is remembered as revoked here. */
  revoked(): readonly Revocation[];
  sendAsk(id: string): void;
  /** Sends one of the `parts` frames of an answer. */
  sendAnswer(content: string, parts: number, id: string, to: NodeId): Promise<void>;
}

/** How many nodes are answered at once: whoever may publish on the broker can ask in any node's name. */
const MAX_ANSWERING = 16;

/**
 * Learns from the other nodes what was revoked: asks all, and is done with the first whole answer, or when nobody has
 * answered in time (this node may be the first). Answers other nodes that ask.
 */
export class Learning {
  readonly #host: LearningHost;
  readonly #answering = new Set<NodeId>();
  /** How many parts of its answer each node has sent. */
  readonly #parts = new Map<NodeId, number>();
  #timer: NodeJS.Timeout | undefined;
  #number = 0;
  #handleDone: (() => void) | undefined;

  constructor(host: LearningHost) {
    this.#host = host;
  }

  /** Asks; what was asked before is never done. */
  begin(handleDone: () => void): void {
    this.stop();
    this.#number += 1;
    this.#handleDone = handleDone;
    this.#timer = setTimeout(() => this.#finish(), this.#host.withinMs);
    this.#host.sendAsk(String(this.#number));
  }

  /** A part of an answer came, and was applied. */
  handleAnswer({ node, id, parts }: AnswerFrame): void {
    if (this.#handleDone === undefined || id !== String(this.#number)) return;
    const count = (this.#parts.get(node) ?? 0) + 1;
    this.#parts.set(node, count);
    if (count >= parts) this.#finish();
  }

  /** Tells a node that asks; not twice at once. */
  answer(to: NodeId, id: string): void {
    if (this.#answering.has(to) || this.#answering.size >= MAX_ANSWERING) return;
    this.#answering.add(to);
    const contents = revocationContents(this.#host.revoked());
    const sent = contents.map((content) => this.#host.sendAnswer(content, contents.length, id, to));
    void Promise.allSettled(sent).then(() => this.#answering.delete(to));
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
