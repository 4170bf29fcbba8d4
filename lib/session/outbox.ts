import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Frame } from '../wire/frame';
import { FRAME_ENCODING, joinFrames } from '../wire/frame';

/** How long one flush may hold the event loop before it yields to the next check phase. */
const SLICE_MS = 8;
/** Below this many bytes one copied piece is cheaper than a gathered write. */
const CONCAT_MAX_BYTES = 64 * 1024;
/** What a queued frame costs beside its bytes, counted so that many tiny frames stay bounded too. */
const FRAME_OVERHEAD_BYTES = 64;
const OPEN = 1;

/**
 * The frames that wait for one socket until the check phase, so that all that a socket gets in one turn of the event
 * loop is one write. Frames go to the TCP socket directly, not through ws's sender: whole frames, written
 * synchronously, so that ws's own pings and pongs can only come between two of them.
 */
export class Outbox {
  readonly #ws: WebSocket;
  readonly #tcp: Duplex;
  readonly #flusher: Flusher;
  /** One frame is the usual case and needs no array. */
  #queue: Frame | Frame[] | undefined;
  #bytes = 0;
  #frames = 0;

  constructor(ws: WebSocket, tcp: Duplex, flusher: Flusher) {
    this.#ws = ws;
    this.#tcp = tcp;
    this.#flusher = flusher;
  }

  /** What is unsent, counted as `maxBufferedBytes` counts it. ws keeps back nothing of ours, for it does not compress. */
  get unsentBytes(): number {
    return this.#bytes + this.#frames * FRAME_OVERHEAD_BYTES + this.#tcp.writableLength;
  }

  /**
   * Tells whether one more frame stays within the limit. A burst of one turn is not a slow reader: what waits here is
   * written first when it would trip the limit, so that only what the kernel refused counts. A reader that has taken
   * everything so far gets a frame of any size.
   */
  hasRoomFor(frame: Frame, maxBytes: number): boolean {
    if (this.#fits(frame, maxBytes)) return true;
    if (this.#frames === 0) return false;
    this.flush();
    return this.#fits(frame, maxBytes);
  }

  /** Queues one whole frame until the check phase. */
  push(frame: Frame): void {
    if (this.#queue === undefined) {
      this.#queue = frame;
      this.#flusher.schedule(this);
    } else if (Array.isArray(this.#queue)) {
      this.#queue.push(frame);
    } else {
      this.#queue = [this.#queue, frame];
    }
    this.#bytes += frame.length;
    this.#frames += 1;
  }

  /** Writes what waits now. Does nothing on a socket that is no longer open: a write after its end would throw. */
  flush(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    const bytes = this.#bytes;
    if (this.#ws.readyState !== OPEN) return;
    this.#clear();
    if (!Array.isArray(queue)) this.#write(queue);
    else if (bytes <= CONCAT_MAX_BYTES) this.#write(this.#flusher.join(queue, bytes));
    else this.#writeGathered(queue);
  }

  /** Drops what waits and tells how many frames that was. */
  discard(): number {
    const frames = this.#frames;
    this.#clear();
    return frames;
  }

  #fits(frame: Frame, maxBytes: number): boolean {
    const unsent = this.unsentBytes;
    return unsent === 0 || unsent + frame.length + FRAME_OVERHEAD_BYTES <= maxBytes;
  }

  /** The encoding means nothing for bytes. */
  #write(frame: Frame): void {
    this.#tcp.write(frame, FRAME_ENCODING);
  }

  #writeGathered(queue: readonly Frame[]): void {
    this.#tcp.cork();
    try {
      for (const frame of queue) this.#write(frame);
    } finally {
      this.#tcp.uncork();
    }
  }

  #clear(): void {
    this.#queue = undefined;
    this.#bytes = 0;
    this.#frames = 0;
  }
}

/**
 * Flushes outboxes in the check phase: after all I/O of this turn, so that many small requests of one turn share a
 * write (a microtask would flush after each of them).
 */
export class Flusher {
  #waiting: Outbox[] = [];
  #isScheduled = false;
  readonly #onError: (error: unknown) => void;
  /** What was joined last, and of which frames. */
  #joined: Frame | undefined;
  #joinedFrames: readonly Frame[] = [];

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  schedule(outbox: Outbox): void {
    this.#waiting.push(outbox);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /** Makes one piece of several frames: the same one for all sockets that get the same frames, as after broadcasts. */
  join(frames: readonly Frame[], bytes: number): Frame {
    if (this.#joined === undefined || !areSame(frames, this.#joinedFrames)) {
      this.#joined = joinFrames(frames, bytes);
      this.#joinedFrames = frames;
    }
    return this.#joined;
  }

  #run(): void {
    this.#isScheduled = false;
    const batch = this.#waiting;
    this.#waiting = [];
    const deadline = performance.now() + SLICE_MS;
    for (let index = 0; index < batch.length; index += 1) {
      this.#flushOne(batch[index]);
      // Reading the clock costs as much as a small write: look at every 16th.
      if ((index & 15) === 15 && performance.now() > deadline) {
        this.#putOff(batch, index + 1);
        return;
      }
    }
    this.#joined = undefined;
    this.#joinedFrames = [];
  }

  /** The rest keeps its place before what was queued meanwhile. */
  #putOff(batch: Outbox[], from: number): void {
    this.#waiting = batch.slice(from).concat(this.#waiting);
    if (this.#waiting.length === 0 || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /** One bad socket never costs the others a frame. */
  #flushOne(outbox: Outbox | undefined): void {
    try {
      outbox?.flush();
    } catch (error) {
      this.#onError(error);
    }
  }
}

function areSame(frames: readonly Frame[], others: readonly Frame[]): boolean {
  return frames.length === others.length && frames.every((frame, index) => frame === others[index]);
}
