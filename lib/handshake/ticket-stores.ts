import { createHash } from 'node:crypto';
import type { TicketStore } from '../model/tickets';

/** How many tickets may wait in memory; the oldest goes first. A ticket lives for seconds. */
const MAX_TICKETS = 100_000;

interface Kept {
  readonly login: object;
  readonly endsAtMs: number;
}

/** Keeps tickets in this process: enough for one, and for several behind a proxy that keeps a client on its node. */
export function memoryTickets(): TicketStore {
  const tickets = new Map<string, Kept>();
  const find = (ticket: string): Kept | undefined => {
    const kept = tickets.get(ticket);
    return kept !== undefined && kept.endsAtMs > Date.now() ? kept : undefined;
  };
  return {
    keep(ticket, login, ttlMs) {
      dropEnded(tickets);
      tickets.set(ticket, { login, endsAtMs: Date.now() + ttlMs });
      return Promise.resolve();
    },
    read: (ticket) => Promise.resolve(find(ticket)?.login),
    spend: (ticket) => Promise.resolve(find(ticket) !== undefined && tickets.delete(ticket)),
  };
}

/** Tickets stand in the order in which they were kept: the look ends at the first that is still good. */
function dropEnded(tickets: Map<string, Kept>): void {
  const now = Date.now();
  for (const [ticket, { endsAtMs }] of tickets) {
    if (endsAtMs > now && tickets.size < MAX_TICKETS) return;
    tickets.delete(ticket);
  }
}

/** The commands of an ioredis client that are used here. */
export interface TicketRedis {
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
  get(key: string): Promise<string | null>;
  del(key: string): Promise<number>;
}

/**
 * Keeps tickets in Redis: bought on one node, good once on any. Keys are hashes, so that what Redis stores cannot be
 * shown as a ticket.
 *
 * @param redis an ioredis client of the application's own; never closed here.
 * @param prefix of the keys; default `express-realtime:ticket:`.
 */
export function redisTickets(redis: TicketRedis, prefix = 'express-realtime:ticket:'): TicketStore {
  const keyOf = (ticket: string): string => prefix + createHash('sha256').update(ticket).digest('base64url');
  return {
    async keep(ticket, login, ttlMs) {
      await redis.set(keyOf(ticket), JSON.stringify(login), 'PX', ttlMs);
    },
    async read(ticket) {
      const text = await redis.get(keyOf(ticket));
      return text === null ? undefined : (JSON.parse(text) as object);
    },
    // DEL counts what was there: one caller gets 1.
    spend: async (ticket) => (await redis.del(keyOf(ticket))) === 1,
  };
}
