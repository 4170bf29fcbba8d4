import type { RequestId } from '../wire/wire';

/** One frame that a test client got. */
export interface ReceivedFrame {
  /** The text of the frame; base64 for a binary one. */
  readonly text: string;
  /** The type, when the frame is a message. */
  readonly type?: string;
  /** The parsed content, when the frame is a message; `null` when it has none. */
  readonly content?: unknown;
  /** What a reply belongs to, or wants to be asked by (`express-realtime.v1`). */
  readonly id?: RequestId;
}

interface Waiting {
  /** Takes a frame, if it is wanted. */
  offer(frame: ReceivedFrame): boolean;
  fail(why: string): void;
}

/** Frames that nobody asked for yet, and waits for frames that did not come yet. */
export class FrameQueue {
  readonly #frames: ReceivedFrame[] = [];
  readonly #waiting = new Set<Waiting>();
  #ended: string | undefined;

  get frames(): readonly ReceivedFrame[] {
    return [...this.#frames];
  }

  push(frame: ReceivedFrame): void {
    for (const waiting of this.#waiting) {
      if (waiting.offer(frame)) return;
    }
    this.#frames.push(frame);
  }

  /**
   * Takes the oldest frame that is wanted, now or when it comes.
   *
   * @param wanted the words for it in the error.
   */
  take<Wanted extends ReceivedFrame>(
    wanted: string,
    isWanted: (frame: ReceivedFrame) => frame is Wanted,
    timeoutMs: number,
  ): Promise<Wanted>;
  take(wanted: string, isWanted: (frame: ReceivedFrame) => boolean, timeoutMs: number): Promise<ReceivedFrame>;
  take(wanted: string, isWanted: (frame: ReceivedFrame) => boolean, timeoutMs: number): Promise<ReceivedFrame> {
    const index = this.#frames.findIndex(isWanted);
    const [frame] = index === -1 ? [] : this.#frames.splice(index, 1);
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#ended !== undefined) return Promise.reject(this.#failure(wanted, this.#ended));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        offer: (offered) => {
          if (!isWanted(offered)) return false;
          settle();
          resolve(offered);
          return true;
        },
        fail: (why) => {
          settle();
          reject(this.#failure(wanted, why));
        },
      };
      const timer = setTimeout(() => waiting.fail(`waited ${timeoutMs} ms`), timeoutMs);
      this.#waiting.add(waiting);
    });
  }

  /** Nothing comes any more: every wait fails, now and later; what is queued can still be taken. */
  end(why: string): void {
    this.#ended = why;
    for (const waiting of [...this.#waiting]) waiting.fail(why);
  }

  #failure(wanted: string, why: string): Error {
    const unread = this.#frames.map(({ type, text }) => type ?? JSON.stringify(text.slice(0, 20)));
    return new Error(`${wanted} did not come: ${why}; unread: ${unread.join(', ') || 'nothing'}`);
  }
}
