import type { Request, RequestHandler } from 'express';
import type { Database } from './database';
import { Router } from 'express';
import { z } from 'zod';
import { currentUser } from './auth';
import { HttpError, parse } from './http';
import { UserType, findUser, users } from './users';

interface Message {
  readonly id: number;
  /** The conversation of a member carries the member's id. */
  readonly conversationId: number;
  readonly senderId: number;
  readonly senderType: number;
  readonly senderName: string;
  readonly content: string;
  /** Whether the other side has read it. */
  readonly readStatus: boolean;
  readonly createTime: number;
}

const PAGE_SIZE = 50;

const newMessage = z.object({
  content: z.string().trim().min(1).max(4000),
  /** Made by the page, so that a request that is sent again stores nothing twice. */
  clientMessageId: z.uuid(),
});
const range = z.object({
  before: z.coerce.number().int().positive().optional(),
  after: z.coerce.number().int().nonnegative().optional(),
});
const conversationParams = z.object({ conversationId: z.coerce.number().int().positive() });
const readUpTo = z.object({ upTo: z.int().positive() });

/** A message was read when the mark of the other side has reached it. */
const MESSAGES = `
  SELECT id, m.conversation_id AS conversationId, sender_id AS senderId, sender_type AS senderType,
      sender_name AS senderName, content, created_at AS createTime,
      EXISTS (SELECT * FROM message_reads r WHERE r.tenant_id = m.tenant_id AND r.conversation_id = m.conversation_id
        AND r.reader_type <> m.sender_type AND r.up_to >= m.id) AS readStatus
    FROM messages m`;

/**
 * Customer service: a member writes, every admin of the tenant sees it and may answer. Stored first, pushed after;
 * history and what was missed come over HTTP.
 */
export function customerServiceRouter(database: Database, requireUser: RequestHandler): Router {
  const router = Router();
  const messages = '/conversations/:conversationId/messages';
  router.use(requireUser);

  router.get('/conversations', (req, res) => {
    const user = currentUser(req);
    const members = users.filter(({ id, tenantId, userType }) =>
      user.userType === UserType.admin ? tenantId === user.tenantId && userType === UserType.member : id === user.id,
    );
    res.json(members.map(({ id, name }) => ({ id, name, ...summaryOf(user.tenantId, id, user.userType) })));
  });

  router.get(messages, (req, res) => {
    const { tenantId, conversationId } = conversationOf(req);
    const { before = Number.MAX_SAFE_INTEGER, after } = parse(range, req.query);
    const where = 'WHERE tenant_id = ? AND conversation_id = ?';
    if (after !== undefined) {
      const sql = `${MESSAGES} ${where} AND id > ? ORDER BY id LIMIT 1000`;
      res.json(database.all<Message>(sql, tenantId, conversationId, after).map(toMessage));
      return;
    }
    const sql = `${MESSAGES} ${where} AND id < ? ORDER BY id DESC LIMIT ${PAGE_SIZE}`;
    res.json(database.all<Message>(sql, tenantId, conversationId, before).map(toMessage).reverse());
  });

  router.post(messages, async (req, res) => {
    const { tenantId, conversationId } = conversationOf(req);
    const { content, clientMessageId } = parse(newMessage, req.body);
    const { id, userType, info } = currentUser(req);
    const { changes } = database.run(
      `INSERT INTO messages (tenant_id, conversation_id, sender_id, sender_type, sender_name, content,
        client_message_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      ...[tenantId, conversationId, id, userType, info.name, content, clientMessageId, Date.now()],
    );
    const sql = `${MESSAGES} WHERE tenant_id = ? AND sender_id = ? AND client_message_id = ?`;
    const stored = database.get<Message>(sql, tenantId, id, clientMessageId);
    if (!stored) throw new Error('a message that was just stored is not there');
    // Committed by now: whoever refetches because of the push finds it.
    if (changes > 0) push(req, conversationId, 'kefu_message_type', toMessage(stored));
    res.status(201).json(toMessage(stored));
  });

  router.post('/conversations/:conversationId/read', (req, res) => {
    const { tenantId, conversationId } = conversationOf(req);
    const { upTo } = parse(readUpTo, req.body);
    const readerType = currentUser(req).userType;
    const { changes } = database.run(
      `INSERT INTO message_reads (tenant_id, conversation_id, reader_type, up_to) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET up_to = excluded.up_to WHERE excluded.up_to > up_to`,
      ...[tenantId, conversationId, readerType, upTo],
    );
    const change = { conversationId, readerType, upTo };
    if (changes > 0) push(req, conversationId, 'kefu_message_read_status_change', change);
    res.json(change);
  });

  return router;

  function summaryOf(tenantId: number, conversationId: number, readerType: number) {
    const sql = `${MESSAGES} WHERE tenant_id = ? AND conversation_id = ?`;
    const last = database.get<Message>(`${sql} ORDER BY id DESC LIMIT 1`, tenantId, conversationId);
    const count = database.get<{ readonly unread: number }>(
      `SELECT count(*) AS unread FROM messages WHERE tenant_id = ? AND conversation_id = ? AND sender_type <> ?
        AND id > coalesce((SELECT up_to FROM message_reads
          WHERE tenant_id = ? AND conversation_id = ? AND reader_type = ?), 0)`,
      ...[tenantId, conversationId, readerType, tenantId, conversationId, readerType],
    );
    return { lastMessage: last ? toMessage(last) : null, unread: count?.unread ?? 0 };
  }
}

/** The conversation of a request: a member's own, or any of an admin's tenant; every other one does not exist. */
function conversationOf(req: Request): { readonly tenantId: number; readonly conversationId: number } {
  const user = currentUser(req);
  const { conversationId } = parse(conversationParams, req.params);
  const member = findUser(user.tenantId, conversationId);
  const isVisible = user.userType === UserType.admin || user.id === conversationId;
  if (member?.userType !== UserType.member || !isVisible) {
    throw new HttpError(404, 'This conversation does not exist.');
  }
  return { tenantId: user.tenantId, conversationId };
}

/** Pushes to both sides. What is stored is done: a broker that is away must not fail the request. */
function push(req: Request, memberId: number, type: string, content: unknown): void {
  const sender = req.app.locals.sender.forTenant(currentUser(req).tenantId);
  const targets = [{ userId: memberId, userType: UserType.member }, { userType: UserType.admin }];
  Promise.all(targets.map((target) => sender.send(target, type, content))).catch((error: unknown) => {
    console.warn('A push did not reach every process:', error);
  });
}

/** SQLite has no booleans. */
function toMessage(row: Message): Message {
  return { ...row, readStatus: Boolean(row.readStatus) };
}
