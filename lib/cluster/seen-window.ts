/** Numbers of one page: 512 bytes of bits. */
const PAGE_NUMBERS = 4096;
const PAGE_WORDS = PAGE_NUMBERS / 32;
/** The newest pages are kept however old they are: 65,536 numbers and the page that is being filled. */
const KEPT_PAGES = 17;
/** A step further than this is no gap: the sender's numbers were not followed, or somebody forged one. */
const MAX_STEP = 2 ** 24;
const MAX_HOLES = 1024;

/** Memory that all windows of a node share, in pages. */
export interface PageBudget {
  free: number;
}

interface Page {
  readonly bits: Uint32Array;
  /** Numbers that came with a frame which was dropped unread; as large as a page. */
  unread?: Uint32Array;
  touchedAt: number;
}

/** Numbers that were passed over, and when that was seen. */
interface Hole {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/**
 * Which numbers of one sender on one route were seen: a bitmap over the last 65,536 numbers and the last `keepMs`,
 * whichever is more. A high-water mark would not do: brokers deliver some frames late for the first time.
 * What is older than the window looks new here; it is dropped for its age, so `keepMs` exceeds the allowed age.
 */
export class SeenWindow {
  readonly #pages = new Map<number, Page>();
  readonly #keepMs: number;
  readonly #budget: PageBudget;
  readonly #holes: Hole[] = [];
  /** Missing numbers whose holes were given up early, for there were too many. */
  #missing = 0;
  #top = 0;
  #current: Page | undefined;
  #currentIndex = -1;

  constructor(keepMs: number, budget: PageBudget) {
    this.#keepMs = keepMs;
    this.#budget = budget;
  }

  /** Notes a number, 1 or more. @returns false when it was seen before. */
  add(seq: number, now: number): boolean {
    const index = Math.floor(seq / PAGE_NUMBERS);
    const page = index === this.#currentIndex && this.#current ? this.#current : this.#turnTo(index, now);
    const bit = seq % PAGE_NUMBERS;
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    const bits = page.bits[word] ?? 0;
    if ((bits & mask) !== 0) return false;
    page.bits[word] = bits | mask;
    page.touchedAt = now;
    this.#follow(seq, now);
    return true;
  }

  /**
   * Notes a number that came with a frame which was dropped unread: it is not missing. Nor is it seen, so that unfit
   * frames in a node's name take no number from its own.
   */
  addUnread(seq: number, now: number): void {
    // Before the first number, and further than a step, there are no gaps.
    if (this.#top === 0 || Math.abs(seq - this.#top) > MAX_STEP) return;
    const page = this.#turnTo(Math.floor(seq / PAGE_NUMBERS), now);
    if (page.unread === undefined) {
      if (this.#budget.free <= 0) return;
      page.unread = new Uint32Array(PAGE_WORDS);
      this.#budget.free -= 1;
    }
    const bit = seq % PAGE_NUMBERS;
    page.unread[bit >>> 5] = (page.unread[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  /** Takes the count of numbers that have been missing for longer than `maxAgeMs`. */
  takeMissing(now: number, maxAgeMs: number): number {
    let missing = this.#missing;
    this.#missing = 0;
    while (this.#holes[0] !== undefined && now - this.#holes[0].at > maxAgeMs) missing += this.#fillFirstHole();
    return missing;
  }

  /** Gives its memory back. */
  release(): void {
    for (const page of this.#pages.values()) this.#budget.free += costOf(page);
    this.#pages.clear();
    this.#current = undefined;
    this.#currentIndex = -1;
  }

  #follow(seq: number, now: number): void {
    const step = seq - this.#top;
    const isFirst = this.#top === 0;
    if (!isFirst && step <= 0 && step > -MAX_STEP) return;
    this.#top = seq;
    if (isFirst || step === 1) return;
    if (Math.abs(step) > MAX_STEP) {
      this.#holes.length = 0;
      return;
    }
    this.#holes.push({ from: seq - step + 1, to: seq - 1, at: now });
    if (this.#holes.length > MAX_HOLES) this.#missing += this.#fillFirstHole();
  }

  #fillFirstHole(): number {
    const hole = this.#holes.shift();
    if (hole === undefined) return 0;
    let missing = hole.to - hole.from + 1;
    const lastPage = Math.floor(hole.to / PAGE_NUMBERS);
    for (let index = Math.floor(hole.from / PAGE_NUMBERS); index <= lastPage; index += 1) {
      const page = this.#pages.get(index);
      if (page !== undefined) missing -= countSeen(page, index * PAGE_NUMBERS, hole);
    }
    return missing;
  }

  #turnTo(index: number, now: number): Page {
    let page = this.#pages.get(index);
    if (page === undefined) {
      this.#dropOld(now);
      page = { bits: new Uint32Array(PAGE_WORDS), touchedAt: now };
      this.#pages.set(index, page);
      this.#budget.free -= 1;
    }
    this.#current = page;
    this.#currentIndex = index;
    return page;
  }

  /** Drops pages from the oldest on. */
  #dropOld(now: number): void {
    for (const [index, page] of this.#pages) {
      const isOld = now - page.touchedAt > this.#keepMs;
      if (this.#pages.size < KEPT_PAGES || (!isOld && this.#budget.free > 0)) return;
      this.#pages.delete(index);
      this.#budget.free += costOf(page);
    }
  }
}

function costOf(page: Page): number {
  return page.unread === undefined ? 1 : 2;
}

function countSeen({ bits, unread }: Page, first: number, { from, to }: Hole): number {
  let seen = 0;
  const end = Math.min(to - first, PAGE_NUMBERS - 1);
  for (let bit = Math.max(from - first, 0); bit <= end; bit += 1) {
    const word = (bits[bit >>> 5] ?? 0) | (unread?.[bit >>> 5] ?? 0);
    if ((word & (1 << (bit & 31))) !== 0) seen += 1;
  }
  return seen;
}
