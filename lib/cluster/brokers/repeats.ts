/** Numbers that are remembered of one sender: 8 KB of bits. */
const size = 65_536;
/** Senders are new at each start of a process: the oldest are forgotten. */
const maxSenders = 256;

/**
 * Tells what came before: the client of Kafka repeats a send that was not answered in time, RocketMQ what was not
 * acknowledged when it died. By number, not by a high-water mark, for both also deliver late for the first time.
 */
export class Repeats {
  readonly #senders = new Map<string, Recent>();

  /** Notes that a sender's message with this number (a whole number from 1) came; false when it came before. */
  isNew(sender: string, number: number): boolean {
    let recent = this.#senders.get(sender);
    if (!recent) {
      this.#forgetOldest();
      recent = new Recent(number);
      this.#senders.set(sender, recent);
    }
    return recent.add(number);
  }

  #forgetOldest(): void {
    if (this.#senders.size < maxSenders) return;
    for (const sender of this.#senders.keys()) {
      this.#senders.delete(sender);
      return;
    }
  }
}

/** A ring of bits for the numbers up to the highest one seen. */
class Recent {
  readonly #bits = new Uint32Array(size / 32);
  #top: number;

  constructor(first: number) {
    this.#top = first;
  }

  add(number: number): boolean {
    if (number > this.#top) this.#raise(number);
    // Older than the ring: nobody knows, and it must not be lost.
    if (number <= this.#top - size) return true;
    const at = number % size;
    const mask = 1 << (at & 31);
    const bits = this.#bits[at >>> 5] ?? 0;
    this.#bits[at >>> 5] = bits | mask;
    return (bits & mask) === 0;
  }

  #raise(number: number): void {
    if (number - this.#top >= size) this.#bits.fill(0);
    else for (let next = this.#top + 1; next <= number; next += 1) this.#clear(next % size);
    this.#top = number;
  }

  #clear(at: number): void {
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] ?? 0) & ~(1 << (at & 31));
  }
}
