import type { RequestHandler } from 'express';
import type { Receipt } from 'express-realtime';
import type { Database } from './database';
import { Router } from 'express';
import { RelayError } from 'express-realtime';
import { z } from 'zod';
import { currentUser, requireAdmin } from './auth';
import { HttpError, parse } from './http';
import { UserType } from './users';

interface Notice {
  readonly id: number;
  readonly title: string;
  readonly content: string;
  readonly author: string;
  readonly createdAt: number;
  /** Null until it is pushed for the first time. */
  readonly pushedAt: number | null;
  /** Counts pushes in a tenant: who has read up to it has seen every earlier one. 0 until pushed. */
  readonly pushNumber: number;
}

const newNotice = z.object({ title: z.string().trim().min(1).max(120), content: z.string().trim().min(1).max(4000) });
const noticeId = z.object({ id: z.coerce.number().int().positive() });
const readUpTo = z.object({ upTo: z.int().nonnegative() });

const COLUMNS = `id, title, content, author, created_at AS createdAt, pushed_at AS pushedAt, push_number AS pushNumber`;

/** Notices: written and pushed over HTTP, received over the socket by everyone of the tenant. */
export function noticesRouter(database: Database, requireUser: RequestHandler): Router {
  const router = Router();
  router.use(requireUser);

  // Members see what was pushed; admins also see drafts.
  router.get('/', (req, res) => {
    const { id, tenantId, userType } = currentUser(req);
    const notices = database.all<Notice>(
      `SELECT ${COLUMNS} FROM notices WHERE tenant_id = ? AND (push_number > 0 OR ?) ORDER BY id DESC LIMIT 200`,
      tenantId,
      userType === UserType.admin,
    );
    const read = database.get<{ readonly upTo: number }>(
      'SELECT up_to AS upTo FROM notice_reads WHERE tenant_id = ? AND user_id = ?',
      tenantId,
      id,
    );
    res.json({ notices, readUpTo: read?.upTo ?? 0 });
  });

  router.post('/', requireAdmin, (req, res) => {
    const { title, content } = parse(newNotice, req.body);
    const { tenantId, info } = currentUser(req);
    const { id } = database.run(
      'INSERT INTO notices (tenant_id, title, content, author, created_at) VALUES (?, ?, ?, ?, ?)',
      ...[tenantId, title, content, info.name, Date.now()],
    );
    res.status(201).json(findNotice(tenantId, id));
  });

  // Up over HTTP, down over the socket; the answer says how many sockets of this process got it.
  router.post('/:id/push', requireAdmin, async (req, res) => {
    const { id } = parse(noticeId, req.params);
    const { tenantId } = currentUser(req);
    const { changes } = database.run(
      `UPDATE notices SET pushed_at = ?, push_number = 1 + (SELECT max(push_number) FROM notices WHERE tenant_id = ?)
        WHERE tenant_id = ? AND id = ?`,
      ...[Date.now(), tenantId, tenantId, id],
    );
    if (changes === 0) throw new HttpError(404, 'This notice does not exist.');
    const notice = findNotice(tenantId, id);
    const push = req.app.locals.sender.send({ everyone: true, tenantId }, 'notice-push', notice);
    const { delivered } = await push.catch(receiptOf);
    res.json({ reached: delivered, notice });
  });

  // Read marks only grow, so a late answer of an old tab cannot make a notice unread again.
  router.post('/read', async (req, res) => {
    const { upTo } = parse(readUpTo, req.body);
    const { id, tenantId, userType } = currentUser(req);
    const { changes } = database.run(
      `INSERT INTO notice_reads (tenant_id, user_id, up_to) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET up_to = excluded.up_to WHERE excluded.up_to > up_to`,
      ...[tenantId, id, upTo],
    );
    // The user's other tabs drop their badge too.
    if (changes > 0) {
      const push = req.app.locals.sender.send({ userId: id, userType, tenantId }, 'notice-read', { readUpTo: upTo });
      await push.catch(receiptOf);
    }
    res.json({ readUpTo: upTo });
  });

  return router;

  function findNotice(tenantId: number, id: number): Notice | undefined {
    return database.get<Notice>(`SELECT ${COLUMNS} FROM notices WHERE tenant_id = ? AND id = ?`, tenantId, id);
  }
}

/** With the broker away the sockets of this process were served all the same; the others fetch it when they can. */
function receiptOf(error: unknown): Receipt {
  if (error instanceof RelayError) return error.receipt;
  throw error;
}
