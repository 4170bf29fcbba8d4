import { RealtimeError } from './errors';

/** What is known after a send. Grows by fields; a field never changes its meaning. */
export interface Receipt {
  /** The id of this message, unique over all nodes. */
  readonly id: string;
  /** How many sockets of this process the message was queued on. */
  readonly delivered: number;
  /**
   * `none`: nobody else was asked (no broker, or the target is known to be here);
   * `accepted`: the broker took it for the other nodes, at most once.
   */
  readonly relay: 'none' | 'accepted';
}

/**
 * The broker did not take a message in time. The sockets of this process were served: `receipt` says how many.
 * Whether other nodes get it is unknown: every real broker has delivered a send that it had rejected.
 */
export class RelayError extends RealtimeError {
  readonly receipt: Receipt;

  /** @param what the broker did not take. */
  constructor(receipt: Receipt, cause: unknown, what = 'the message') {
    super('ERR_REALTIME_BROKER', `the broker did not take ${what}: whether other nodes got it is unknown`, { cause });
    this.receipt = receipt;
  }
}
