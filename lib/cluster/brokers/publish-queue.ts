import { RealtimeError } from '../../model/errors';
import type { NodeId } from './broker';

/** Hands bytes to the broker; calls in order. Rejects when the broker refused them or the link broke. */
export type SendBytes = (bytes: Buffer, to: 'all' | readonly NodeId[]) => Promise<void>;

/** See {@link PublishQueue}. */
export interface PublishQueueLimits {
  /** How errors name the broker. */
  readonly label: string;
  /** A publish is settled by then, come what may. */
  readonly timeoutMs: number;
  /** Handed to the driver and not answered yet; what is above waits here, in order. */
  readonly maxInFlight: number;
  /** Bytes of everything unanswered; a publish above is refused at once. */
  readonly maxPendingBytes: number;
}

interface Entry {
  readonly bytes: Buffer;
  readonly to: 'all' | readonly NodeId[];
  readonly expiresAt: number;
  readonly resolve: () => void;
  readonly reject: (error: RealtimeError) => void;
  isSent: boolean;
  isSettled: boolean;
  next: Entry | undefined;
}

/**
 * Puts a deadline on every publish and bounds what is under way. Order in is order out.
 * Without a link a publish rejects at once: nothing is kept over an outage. One timer serves all, for the oldest
 * publish is the first to expire.
 */
export class PublishQueue {
  readonly #limits: PublishQueueLimits;
  #send: SendBytes | undefined;
  #whyShut = 'it is not connected yet';
  #isClosed = false;
  #whyHeld: string | undefined;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  #nextUnsent: Entry | undefined;
  #inFlight = 0;
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Counts links: an answer that comes over an earlier one changes no counter. */
  #generation = 0;

  constructor(limits: PublishQueueLimits) {
    this.#limits = limits;
  }

  /** Lets publishes through to a new link. */
  open(send: SendBytes): void {
    if (this.#isClosed) return;
    this.#send = send;
    this.#generation += 1;
    this.#inFlight = 0;
    this.#pendingBytes = 0;
    this.#whyHeld = undefined;
  }

  /** The link is gone: rejects all that is under way and, from now on, every publish. */
  shut(why: string): void {
    this.#send = undefined;
    this.#whyShut = why;
    this.#rejectAll((entry) => this.#error(entry.isSent ? 'the link broke before it answered' : why, entry.isSent));
  }

  /** Rejects what is under way, and every publish from now on, with `ERR_REALTIME_CLOSED`. */
  close(): void {
    this.#isClosed = true;
    this.#send = undefined;
    this.#rejectAll(() => closedError(this.#limits.label));
    clearTimeout(this.#timer);
  }

  /** Keeps publishes here, until their deadline, while the broker takes nothing. */
  hold(why: string): void {
    this.#whyHeld = why;
  }

  release(): void {
    this.#whyHeld = undefined;
    this.#pump();
  }

  publish(bytes: Buffer, to: 'all' | readonly NodeId[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError(this.#limits.label));
    if (!this.#send) return Promise.reject(this.#error(this.#whyShut, false));
    if (this.#pendingBytes + bytes.length > this.#limits.maxPendingBytes) {
      return Promise.reject(this.#error(`more than ${this.#limits.maxPendingBytes} bytes wait for its answer`, false));
    }
    return new Promise((resolve, reject) => {
      this.#append({
        ...{ bytes, to, resolve, reject, isSent: false, isSettled: false, next: undefined },
        expiresAt: performance.now() + this.#limits.timeoutMs,
      });
      this.#pump();
    });
  }

  #append(entry: Entry): void {
    this.#pendingBytes += entry.bytes.length;
    if (this.#newest) this.#newest.next = entry;
    else this.#oldest = entry;
    this.#newest = entry;
    this.#nextUnsent ??= entry;
    this.#timer ??= setTimeout(this.#handleTimer, this.#limits.timeoutMs);
  }

  #pump(): void {
    const send = this.#send;
    if (!send || this.#whyHeld !== undefined) return;
    while (this.#nextUnsent && this.#inFlight < this.#limits.maxInFlight) {
      const entry = this.#nextUnsent;
      this.#nextUnsent = entry.next;
      if (!entry.isSettled) this.#sendEntry(entry, send);
    }
  }

  #sendEntry(entry: Entry, send: SendBytes): void {
    const generation = this.#generation;
    this.#inFlight += 1;
    entry.isSent = true;
    send(entry.bytes, entry.to).then(
      () => {
        this.#settle(entry);
        this.#answered(entry, generation);
      },
      (fault: unknown) => {
        const reason = fault instanceof Error ? fault.message : String(fault);
        this.#settle(entry, this.#error(reason, true));
        this.#answered(entry, generation);
      },
    );
  }

  #answered(entry: Entry, generation: number): void {
    if (generation !== this.#generation) return;
    this.#inFlight -= 1;
    this.#pendingBytes -= entry.bytes.length;
    this.#pump();
  }

  #settle(entry: Entry, error?: RealtimeError): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    if (error) entry.reject(error);
    else entry.resolve();
    this.#dropSettled();
  }

  /** Takes what is settled off the front. The timer runs on: one for each publish would cost more than it. */
  #dropSettled(): void {
    while (this.#oldest?.isSettled) this.#oldest = this.#oldest.next;
    if (this.#oldest) return;
    this.#newest = undefined;
    this.#nextUnsent = undefined;
  }

  readonly #handleTimer = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    while (this.#oldest && (this.#oldest.isSettled || this.#oldest.expiresAt <= now)) this.#expire(this.#oldest);
    if (this.#oldest) this.#timer = setTimeout(this.#handleTimer, this.#oldest.expiresAt - now);
  };

  #expire(entry: Entry): void {
    if (entry.isSettled) {
      this.#dropSettled();
      return;
    }
    const { timeoutMs } = this.#limits;
    // What was sent still counts until its link answers or goes: the driver holds it.
    if (!entry.isSent) this.#pendingBytes -= entry.bytes.length;
    const reason = entry.isSent ? `it did not answer within ${timeoutMs} ms` : this.#whyUnsent();
    this.#settle(entry, this.#error(reason, entry.isSent));
  }

  #whyUnsent(): string {
    return this.#whyHeld ?? `it did not keep up for ${this.#limits.timeoutMs} ms`;
  }

  #rejectAll(errorOf: (entry: Entry) => RealtimeError): void {
    this.#generation += 1;
    for (let entry = this.#oldest; entry; entry = entry.next) {
      if (entry.isSettled) continue;
      entry.isSettled = true;
      entry.reject(errorOf(entry));
    }
    this.#dropSettled();
    this.#inFlight = 0;
    this.#pendingBytes = 0;
  }

  #error(reason: string, isSent: boolean): RealtimeError {
    const outcome = isSent ? 'whether other nodes get it is unknown' : 'it was not sent';
    return new RealtimeError(
      'ERR_REALTIME_BROKER',
      `${this.#limits.label} did not take the bytes: ${reason}; ${outcome}`,
    );
  }
}

/** What a broker answers once it has been closed. */
export function closedError(label: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_CLOSED', `${label} has been closed`);
}

/** What a broker answers to a second `start`. */
export function startedError(label: string): RealtimeError {
  const message = `${label} has been started already: make a broker of its own for each node`;
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}
