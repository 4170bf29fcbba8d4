import type { LoginUser, Realtime, Session } from 'express-realtime';
import { z } from 'zod';
import { sessionUser } from './auth';
import { findUser } from './users';

/** What the test page sends up. No receiver (or `''`, as a select gives it) means everyone of the tenant. */
const chatMessage = z.object({
  text: z.string().trim().min(1).max(2000),
  toUserId: z
    .union([z.literal(''), z.int()])
    .nullish()
    .transform((id) => (id === '' || id === undefined ? null : id)),
});

/** What goes down to those whom a message is for, and to the sender's own tabs. */
interface ChatReceived {
  readonly fromUserId: number;
  readonly fromName: string;
  readonly toName: string | null;
  readonly text: string;
  /** True: for one user; false: for everyone. */
  readonly single: boolean;
  readonly sentAt: number;
}

/** Chat by WebSocket alone, up and down. Nothing is kept: who is away misses it. */
export function startChat({ registry }: Realtime): void {
  registry.on('demo-message-send', { schema: chatMessage }, async ({ text, toUserId }, session) => {
    const from = sessionUser(session);
    const to = toUserId === null ? null : findUser(from.tenantId, toUserId);
    if (to === undefined) return { reached: 0 };

    const message: ChatReceived = {
      fromUserId: from.id,
      fromName: from.info.name,
      toName: to?.name ?? null,
      text,
      single: to !== null,
      sentAt: Date.now(),
    };
    // `session.sender` is bound to the session's tenant: no target can name another one.
    const push = (userId: number, userType: number) =>
      session.sender.send({ userId, userType }, 'demo-message-receive', message);

    if (to === null) {
      const { delivered } = await session.sender.send({ everyone: true }, 'demo-message-receive', message);
      return { reached: delivered };
    }
    const { delivered } = await push(to.id, to.userType);
    if (to.id !== from.id) await push(from.id, from.userType);
    return { reached: delivered };
  });
}

/** One entry of the receiver list. */
interface OnlineUser {
  readonly id: number;
  readonly name: string;
  readonly userType: number;
}

/**
 * Tells the sockets of a session's tenant who is online, after one came or went. Each process speaks to its own
 * sockets about its own users.
 */
export function tellWhoIsOnline({ hub }: Realtime, session: Session<LoginUser | null>): void {
  const sessions = hub.list({ everyone: true, tenantId: sessionUser(session).tenantId });
  const online = new Map<number, OnlineUser>();
  for (const { id, info, userType } of sessions.map(sessionUser)) online.set(id, { id, name: info.name, userType });
  const users = [...online.values()].sort((a, b) => a.name.localeCompare(b.name));
  for (const each of sessions) each.send('online-users', users);
}
