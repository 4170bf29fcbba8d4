import { RealtimeError } from '../../model/errors';

/** A URL of a broker, taken apart: what may be shown, and what must never be. */
export interface BrokerUrl {
  readonly url: URL;
  /** Protocol, host and path, without user, password and query. */
  readonly label: string;
  readonly secrets: readonly string[];
}

/**
 * Takes a broker's URL apart.
 *
 * @throws ERR_REALTIME_OPTION when it is no URL of one of these protocols; the text is not repeated, for it may hold a password.
 */
export function parseBrokerUrl(factory: string, text: unknown, protocols: readonly string[]): BrokerUrl {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol)) {
    const wanted = protocols.map((protocol) => `${protocol}//host:port`).join(' or ');
    throw new RealtimeError('ERR_REALTIME_OPTION', `${factory}: url must be ${wanted}, got something else`);
  }
  const path = url.pathname === '/' ? '' : url.pathname;
  return { url, label: `${url.protocol}//${url.host}${path}`, secrets: secretsOf(url) };
}

function secretsOf(url: URL): string[] {
  const password = decode(url.password);
  return [password, url.searchParams.get('password') ?? ''].filter((secret) => secret !== '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
