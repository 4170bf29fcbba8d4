const BUCKET_MS = 60_000;

/**
 * How far another node's clock is behind this one's, as its probes show: of all differences the smallest, for a late
 * probe only makes it look larger. Only the last two minutes count, so that a clock that was set is followed.
 */
export class ClockOffset {
  #current = Infinity;
  #previous = Infinity;
  #since = -Infinity;
  #count = 0;

  /** Notes a probe that was sent at `at` and came at `now`. */
  observe(at: number, now: number): void {
    if (now - this.#since > BUCKET_MS) {
      this.#previous = this.#current;
      this.#current = Infinity;
      this.#since = now;
    }
    this.#current = Math.min(this.#current, now - at);
    this.#count += 1;
  }

  /** 0 until a probe was seen. */
  get ms(): number {
    const smallest = Math.min(this.#current, this.#previous);
    return smallest === Infinity ? 0 : smallest;
  }

  /** Whether enough probes were seen to speak of the clock rather than of one late probe. */
  get isKnown(): boolean {
    return this.#count >= 3;
  }
}
