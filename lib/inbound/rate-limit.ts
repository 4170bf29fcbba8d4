/** The speed limits of one peer; 0 = no limit. */
export interface RateLimits {
  readonly maxMessagesPerSecond: number;
  readonly maxBytesPerSecond: number;
}

/** How many seconds' worth a silent peer may send at once. */
const BURST_SECONDS = 2;
const SECOND_MS = 1000;

/** What a {@link TokenBucket} says of a message: fine, above the limit, or so far above that the peer must go. */
export type RateVerdict = 'ok' | 'over' | 'flood';

/**
 * Two token buckets, messages and bytes. Refused messages are charged too: a peer that keeps sending a whole burst
 * above its limit is flooding.
 */
export class TokenBucket {
  readonly #limits: RateLimits;
  #messages: number;
  #bytes: number;
  #filledAt = performance.now();

  constructor(limits: RateLimits) {
    this.#limits = limits;
    this.#messages = limits.maxMessagesPerSecond * BURST_SECONDS;
    this.#bytes = limits.maxBytesPerSecond * BURST_SECONDS;
  }

  take(bytes: number): RateVerdict {
    const { maxMessagesPerSecond, maxBytesPerSecond } = this.#limits;
    const now = performance.now();
    const seconds = (now - this.#filledAt) / SECOND_MS;
    this.#filledAt = now;
    this.#messages = refill(this.#messages, maxMessagesPerSecond, seconds) - 1;
    this.#bytes = refill(this.#bytes, maxBytesPerSecond, seconds) - bytes;
    return worse(verdict(this.#messages, maxMessagesPerSecond), verdict(this.#bytes, maxBytesPerSecond));
  }
}

function refill(level: number, perSecond: number, seconds: number): number {
  return Math.min(perSecond * BURST_SECONDS, level + perSecond * seconds);
}

function verdict(level: number, perSecond: number): RateVerdict {
  if (perSecond === 0 || level >= 0) return 'ok';
  return level < -perSecond * BURST_SECONDS ? 'flood' : 'over';
}

function worse(a: RateVerdict, b: RateVerdict): RateVerdict {
  if (a === 'flood' || b === 'flood') return 'flood';
  return a === 'over' || b === 'over' ? 'over' : 'ok';
}
