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
