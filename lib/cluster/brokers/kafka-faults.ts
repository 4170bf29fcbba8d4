import { RealtimeError } from '../../model/errors';
import { cleanFault } from './fault-text';

/** What kafkajs hangs on its errors. */
interface KafkaFault {
  readonly name?: string;
  readonly type?: string;
  readonly message?: string;
  readonly cause?: unknown;
}

const badLogin = ['UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE', 'SASL_AUTHENTICATION_FAILED'];

/**
 * Puts a fault of kafkajs into words: as a set-up error where waiting mends nothing, as a plain error otherwise.
 * No password in either.
 */
export function explain(fault: unknown, label: string, topic: string, secrets: readonly string[]): Error {
  if (fault instanceof RealtimeError) return fault;
  const { name, type, message } = innermost(fault);
  const reason = cleanFault(new Error(message ?? 'no reason given'), secrets).message;
  if (name === 'KafkaJSSASLAuthenticationError' || badLogin.includes(type ?? '')) {
    const hint = 'check user, password and mechanism in sasl, and whether the port is the one with login';
    return setupError(`${label} refused the login (${reason}): ${hint}`);
  }
  if (type?.endsWith('_AUTHORIZATION_FAILED') === true) {
    const rules = `Read, Write and Describe on topic ${topic}, and Read and Delete on groups with the prefix ${topic}.`;
    return setupError(`${label} allows this user too little (${reason}); it needs ${rules}`);
  }
  return new Error(reason + hintFor(reason));
}

function hintFor(reason: string): string {
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|timeout/i.test(reason)) {
    return '; if it should be up, check brokers, and advertised.listeners on the broker: that address is used after the first contact';
  }
  if (/Closed connection|TLS|ECONNRESET/.test(reason)) return '; check whether its port wants ssl or sasl';
  return '';
}

function innermost(fault: unknown): KafkaFault {
  let inner = Object(fault) as KafkaFault;
  while (typeof inner.cause === 'object' && inner.cause !== null) inner = inner.cause;
  return inner;
}

function setupError(message: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}
