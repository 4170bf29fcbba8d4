/**
 * Keeps one-time tickets: what a socket shows instead of a long-lived token, so that none stands in a URL or a log.
 * A store of the application's own may implement this type.
 */
export interface TicketStore {
  /** Keeps a login under a ticket that the caller made, for `ttlMs`. */
  keep(ticket: string, login: object, ttlMs: number): Promise<void>;
  /** The login of a ticket that is still good, or `undefined`; the ticket stays good. */
  read(ticket: string): Promise<object | undefined>;
  /** Spends a ticket. @returns true for exactly one caller, over all nodes that share the store. */
  spend(ticket: string): Promise<boolean>;
}
