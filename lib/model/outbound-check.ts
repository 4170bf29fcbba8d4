import type { MessageContract } from './messages';
import { RealtimeError } from './errors';

/**
 * Checks what is about to be sent against the contract.
 *
 * @throws RealtimeError `ERR_REALTIME_TYPE` for a type that the contract does not have; `ERR_REALTIME_CONTENT`, naming
 *   where, for content that does not fit its schema.
 */
export type OutboundCheck = (type: string, content: unknown) => void;

/** The check that checks nothing. */
export const UNCHECKED: OutboundCheck = () => undefined;

/** Makes the check of a contract; it does nothing without one, and nothing in production, where it would only cost. */
export function outboundCheck(contract: MessageContract | undefined): OutboundCheck {
  if (contract === undefined || process.env['NODE_ENV'] === 'production') return UNCHECKED;
  const schemas = new Map(Object.entries(contract.serverToClient));
  return (type, content) => {
    const schema = schemas.get(type);
    if (schema === undefined) {
      throw new RealtimeError('ERR_REALTIME_TYPE', `message type ${type} is not in serverToClient of the contract`);
    }
    const result = schema['~standard'].validate(content);
    // What a schema can only say later is not waited for: sending is synchronous.
    if (result instanceof Promise || result.issues === undefined) return;
    const where = (result.issues[0]?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
    throw new RealtimeError(
      'ERR_REALTIME_CONTENT',
      `content of ${type} does not fit its schema at ${where.length === 0 ? 'its root' : where.join('.')}`,
    );
  };
}
