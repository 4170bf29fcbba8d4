/** The life of one link to a broker, from the first packet of an attempt to the end of the connection. */
export class LinkScope {
  readonly #undo: (() => unknown)[] = [];
  readonly #abort = new AbortController();
  readonly #deliver: (bytes: Buffer) => void;
  readonly #tellHeld: (why: string | undefined) => void;
  #lose: (cause: Error) => void = () => {};
  #ended: Promise<void> | undefined;
  #heardAt = 0;
  #whyHeld: string | undefined;

  /** Resolves with the reason once the link is lost or ended. Never rejects. */
  readonly lost: Promise<Error>;

  constructor(listeners: {
    readonly deliver: (bytes: Buffer) => void;
    readonly tellHeld: (why: string | undefined) => void;
  }) {
    this.#deliver = listeners.deliver;
    this.#tellHeld = listeners.tellHeld;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  /** Aborted when the link ends; a socket made with it is destroyed then. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** When the broker was heard last, on the clock of `performance.now()`; 0 = never. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Why the broker takes no publishes at the moment; undefined = it does. */
  get whyHeld(): string | undefined {
    return this.#whyHeld;
  }

  /** Hands on what came from the broker; after the end it is dropped. */
  deliver(bytes: Buffer): void {
    this.heard();
    if (!this.signal.aborted) this.#deliver(bytes);
  }

  /** Notes a sign of life. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** The link is no longer good; the first cause counts. */
  lose(cause: Error): void {
    this.#lose(cause);
  }

  /** The broker takes no publishes for now, but still delivers; undefined = it takes them again. */
  hold(why: string | undefined): void {
    this.#whyHeld = why;
    if (!this.signal.aborted) this.#tellHeld(why);
  }

  /** Registers what is to be undone at the end, last first; done at once when the end has been. */
  onEnd(undo: () => unknown): void {
    if (this.#ended) void attempt(undo);
    else this.#undo.push(undo);
  }

  /** Undoes everything; resolves when that is done, at the latest after `timeoutMs`. Idempotent. */
  end(cause: Error, timeoutMs: number): Promise<void> {
    this.lose(cause);
    this.#ended ??= this.#undoAll(timeoutMs);
    return this.#ended;
  }

  async #undoAll(timeoutMs: number): Promise<void> {
    this.#abort.abort();
    const undone = Promise.all(this.#undo.reverse().map(attempt));
    this.#undo.length = 0;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([undone, late]);
    clearTimeout(timer);
  }
}

async function attempt(undo: () => unknown): Promise<void> {
  try {
    await undo();
  } catch {
    // The link is gone; nothing is left to be told.
  }
}
