import type { LoginUserInput, Realtime, StandardSchema } from '../../lib/index';
import type { IncomingMessage } from 'node:http';

/** The recording's tokens, as an application's own login check would know them. */
const USERS: Readonly<Record<string, LoginUserInput>> = {
  t1: { id: 1, userType: 2, tenantId: 1 },
  t2: { id: 2, userType: 2, tenantId: 1 },
  m7: { id: 7, userType: 1, tenantId: 1 },
  x1: { id: 1, userType: 2, tenantId: 2 },
  x9: { id: 9, userType: 2, tenantId: 2 },
};

export function authenticate(req: IncomingMessage): LoginUserInput | null {
  const token = (req.headers.authorization ?? '').replace(/^bearer /i, '');
  if (token === 'boom') throw new Error('the token service fails');
  return Object.hasOwn(USERS, token) ? (USERS[token] ?? null) : null;
}

interface DemoMessage {
  readonly toUserId: string | null;
  readonly text: string | null;
}

interface Probe {
  readonly num: string | null;
  readonly at: string | null;
  readonly text: string | null;
}

/** The recording's four listeners, written the way an application of ours would write them. */
export function addListeners({ registry }: Realtime): void {
  const demo = schemaOf<DemoMessage>((content) => {
    const { toUserId, text } = fieldsOf(content);
    return { toUserId: asLong(toUserId), text: asText(text) };
  });
  registry.on('demo-message-send', { schema: demo }, ({ toUserId, text }, { loginUser, sender }) => {
    const message = { fromUserId: loginUser.id, text, single: toUserId !== null };
    const target = toUserId === null ? { userType: 2 } : { userType: 2, userId: toUserId };
    return sender.send(target, 'demo-message-receive', message);
  });

  const probe = schemaOf<Probe | null>((content) => {
    if (content === null) return null;
    const { num, at, text } = fieldsOf(content);
    return { num: asLong(num), at: asTime(at), text: asText(text) };
  });
  registry.on('probe', { schema: probe }, (content, session) =>
    session.send('probe-seen', content === null ? { null: true } : { null: false, ...content }),
  );

  const text = schemaOf<string | null>(asText);
  registry.on('string', { schema: text }, (content, session) => session.send('string-seen', content));

  registry.on('throws', () => {
    throw new Error('this listener throws');
  });
}

/** A schema whose reader throws for what it does not take. */
function schemaOf<Output>(read: (content: unknown) => Output): StandardSchema<unknown, Output> {
  const validate = (content: unknown) => {
    try {
      return { value: read(content) };
    } catch {
      return { issues: [{ message: 'does not fit' }] };
    }
  };
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

function fieldsOf(content: unknown): Readonly<Record<string, unknown>> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new TypeError('no object');
  return content as Readonly<Record<string, unknown>>;
}

/** A whole number of 64 bits, as text: JavaScript's numbers hold 53. */
function asLong(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isSafeInteger(Math.trunc(value))) return String(Math.trunc(value));
  if (typeof value !== 'string') throw new TypeError('no number');
  const digits = value.trim();
  if (digits === '') return null;
  if (!/^-?\d{1,19}$/.test(digits)) throw new TypeError('no number');
  return digits;
}

/** A time in the zone of the recording, UTC+8; what is no number is the epoch there. */
function asTime(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const epochMs = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value)) ? Number(value) : 0;
  const local = new Date(epochMs + 8 * 3600 * 1000).toISOString().slice(0, -1);
  return local.replace(/\.000$/, '').replace(/(T\d\d:\d\d):00$/, '$1');
}

function asText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new TypeError('no text');
  }
  return String(value);
}
