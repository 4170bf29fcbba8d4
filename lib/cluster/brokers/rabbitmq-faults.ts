import { RealtimeError } from '../../model/errors';
import { cleanFault, faultCode } from './fault-text';
import type { RabbitmqSource } from './rabbitmq-source';

/**
 * Says what a fault of the driver means and what to do. A fault that waiting cannot mend becomes
 * `ERR_REALTIME_BROKER_SETUP`; every other one is an error that is tried again.
 */
export function explainRabbitmqFault(fault: unknown, source: RabbitmqSource, exchange: string): Error {
  if (fault instanceof RealtimeError) return fault;
  const { label, secrets } = source;
  const cause = cleanFault(fault, secrets);
  const setup = (advice: string): RealtimeError =>
    new RealtimeError('ERR_REALTIME_BROKER_SETUP', `${label}: ${advice}`, { cause });
  const text = cause.message;
  const code = faultCode(fault);
  if (/Handshake terminated.*403/.test(text)) return setup('the login was refused: check user and password');
  if (code === 406 || /PRECONDITION_FAILED/.test(text)) {
    return setup(
      `exchange ${exchange} exists with another type or other settings: it must be direct and not durable; ` +
        `delete it or set the option exchange (${text})`,
    );
  }
  if (code === 403 || /ACCESS_REFUSED/.test(text)) {
    return setup(
      `this user lacks rights on exchange ${exchange} or on queues amq.gen-*: configure, write and read (${text})`,
    );
  }
  if (isTlsFault(code, text))
    return setup(`TLS failed: check amqps://, the option socket and the certificate (${text})`);
  if (/frame size|unknown frame|invalid frame|frame on channel|Expected ConnectionStart/i.test(text))
    return setup(`what answers is no RabbitMQ (${text})`);
  const isAway = typeof code === 'string' && /^E(CONN|NOT|HOST|NET|TIME|AI_)/.test(code);
  const hint = isAway || /closed abruptly|ETIMEDOUT/.test(text) ? ` (${checklist})` : '';
  return new Error(`${label}: ${text}${hint}`, { cause });
}

const checklist = 'is the address right, is the server up, and does it want TLS, amqps://, or not?';

function isTlsFault(code: string | number | undefined, text: string): boolean {
  const isCode =
    typeof code === 'string' && /^(ERR_TLS_|ERR_SSL_|EPROTO|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_)/.test(code);
  return isCode || /wrong version number/i.test(text);
}

/**
 * The server takes the login and refuses the vhost; the driver drops the reason. A server that is still starting may
 * do so too, so it is a fault of the set-up only when it happens again and again.
 */
export function isVhostRefusal(fault: unknown): boolean {
  return fault instanceof Error && /Expected ConnectionOpenOk/.test(fault.message);
}

export function vhostError(source: RabbitmqSource): RealtimeError {
  const advice = 'the vhost is unknown, or this user has no rights in it: rabbitmqctl add_vhost, set_permissions';
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', `${source.label}: ${advice}`);
}
