import type { HandlerContext } from './running-handler';
import type { HandlerMap, Registration } from './registry';
import type { Incoming } from '../wire/wire';
import type { LiveSession } from '../session/live-session';
import type { MessageErrorCode } from '../model/message-errors';
import type { SchemaResult } from '../model/standard-schema';
import { isThenable } from '../model/thenable';

/** A message that no handler got, and why. */
export class Refusal {
  readonly code: MessageErrorCode;

  constructor(code: MessageErrorCode) {
    this.code = code;
  }
}

/**
 * Finds the handler of a message, checks that this session may call it and that the content fits, and calls it.
 * Synchronous as long as schema, `authorize` and handler are: no promise is made for a synchronous handler.
 *
 * @returns what the handler returned, or a {@link Refusal}.
 * @throws what the handler threw.
 */
export function dispatch(
  handlers: HandlerMap,
  session: LiveSession,
  message: Incoming,
  context: HandlerContext,
): unknown {
  const row = handlers.find(message.type);
  if (row === undefined) return new Refusal('unknown_type');
  if (!isAllowed(row, session)) return new Refusal('forbidden');
  if (row.schema === undefined) return authorized(row, message.content, session, context);
  return after(row.schema['~standard'].validate(message.content), context, (result: SchemaResult<unknown>) =>
    result.issues === undefined ? authorized(row, result.value, session, context) : new Refusal('invalid_content'),
  );
}

function isAllowed(row: Registration, session: LiveSession): boolean {
  const { loginUser } = session;
  if (loginUser === null) return row.isForGuests;
  return row.userTypes === undefined || row.userTypes.has(String(loginUser.userType));
}

function authorized(row: Registration, content: unknown, session: LiveSession, context: HandlerContext): unknown {
  if (row.authorize === undefined) return row.handler(content, session, context);
  return after(row.authorize(session, content), context, (isAuthorized) =>
    isAuthorized === true ? row.handler(content, session, context) : new Refusal('forbidden'),
  );
}

/** Goes on with a value now, or with a promise's value later; not when time or session are over by then. */
function after<Value>(
  value: Value | Promise<Value>,
  context: HandlerContext,
  next: (value: Value) => unknown,
): unknown {
  if (!isThenable(value)) return next(value);
  return Promise.resolve(value).then((settled) => (context.isAborted ? undefined : next(settled)));
}
