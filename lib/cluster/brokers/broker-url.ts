import { RealtimeError } from '../../model/errors';

/** A URL of a broker, taken apart: what may be shown, and what must never be. */
export interface BrokerUrl {
  readonly url: URL;
  /** Protocol, host and path, without user, password and query. */
  readonly label: string;
  readonly secrets: readonly string[];
  /** User and password, decoded; undefined when there are none. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
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
  const [user, password] = [decode(url.username), decode(url.password)];
  const login = user === '' && password === '' ? undefined : { user, password };
  const secrets = [password, url.searchParams.get('password') ?? ''].filter((secret) => secret !== '');
  return { url, label: `${url.protocol}//${url.host}${path}`, secrets, login };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
