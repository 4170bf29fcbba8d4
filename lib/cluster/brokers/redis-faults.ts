import { RealtimeError } from '../../model/errors';
import { cleanFault, faultCode } from './fault-text';
import type { RedisSource } from './redis-source';

/**
 * Says what a fault of the driver means and what to do. A fault that waiting cannot mend becomes
 * `ERR_REALTIME_BROKER_SETUP`; every other one is an error that is tried again.
 *
 * @param channels the pattern of this application's channels, for the advice on ACLs.
 */
export function explainRedisFault(fault: unknown, source: RedisSource, channels: string): Error {
  if (fault instanceof RealtimeError) return fault;
  const { label, secrets } = source;
  const cause = cleanFault(fault, secrets);
  const setup = (advice: string): RealtimeError =>
    new RealtimeError('ERR_REALTIME_BROKER_SETUP', `${label}: ${advice}`, { cause });
  const text = cause.message;
  if (/WRONGPASS|NOAUTH|invalid password|invalid username-password/i.test(text)) {
    return setup(`the login was refused: check user and password (${text})`);
  }
  if (/NOPERM/.test(text)) {
    const rules = `'&${channels}' +publish +subscribe +spublish +ssubscribe +ping +hello`;
    return setup(`this user may not use the channels ${channels}: ACL SETUSER <user> ${rules} (${text})`);
  }
  if (isTlsFault(fault)) return setup(`TLS failed: check rediss://, options.tls and the certificate (${text})`);
  if (/please report this/i.test(text)) return setup(`what answers is no Redis, or it wants TLS (rediss://)`);
  if (/cluster support disabled/i.test(text))
    return setup('this server is no Redis Cluster: use url instead of cluster');
  const code = faultCode(fault);
  const isAway = typeof code === 'string' && /^E(CONN|NOT|HOST|NET|TIME|AI_)/.test(code);
  const hint = isAway || /closed/i.test(text) ? ` (${checklist})` : '';
  return new Error(`${label}: ${text}${hint}`, { cause });
}

const checklist = 'is the address right, is the server up, and does it want TLS, rediss://, or not?';

const tlsCodes = /^(ERR_TLS_|ERR_SSL_|EPROTO|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_)/;

function isTlsFault(fault: unknown): boolean {
  const code = faultCode(fault);
  return typeof code === 'string' && tlsCodes.test(code);
}
