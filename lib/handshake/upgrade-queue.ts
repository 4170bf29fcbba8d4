/** How long upgrades may hold the event loop before it goes round once more. */
const SLICE_MS = 8;

/**
 * Starts upgrades, a few in each turn of the event loop: checking a token costs about a millisecond, and when thousands
 * of clients come back at once they would hold up everybody who is connected for seconds. Those that have to wait keep
 * their order.
 */
export class UpgradeQueue {
  readonly #waiting: (() => void)[] = [];
  #spentMs = 0;
  #isTurnDue = false;

  /** Runs `start` now, or in one of the next turns. It must not throw. */
  add(start: () => void): void {
    if (this.#waiting.length > 0 || this.#spentMs >= SLICE_MS) this.#waiting.push(start);
    else this.#run(start);
    this.#awaitTurn();
  }

  #run(start: () => void): void {
    const startedAt = performance.now();
    start();
    this.#spentMs += performance.now() - startedAt;
  }

  #awaitTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(this.#handleTurn);
  }

  readonly #handleTurn = (): void => {
    this.#isTurnDue = false;
    this.#spentMs = 0;
    while (this.#spentMs < SLICE_MS) {
      const start = this.#waiting.shift();
      if (start === undefined) return;
      this.#run(start);
      // What comes in the rest of this turn shares its slice.
      this.#awaitTurn();
    }
  };
}
