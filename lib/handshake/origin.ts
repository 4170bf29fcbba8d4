import type { IncomingMessage } from 'node:http';
import { RealtimeError, describeValue } from '../model/errors';
import { printable } from '../model/events';
import type { ExpressRequests } from './express-requests';
import type { Refusal } from './refuse';

/** Refuses a page of another site (cross-site WebSocket hijacking), or gives `undefined`. */
export type CheckOrigin = (req: IncomingMessage) => Refusal | undefined;

/**
 * Makes the origin check. A request without `Origin` is not of a browser's page and passes always.
 *
 * @param origins `'same'`, `'any'`, or a list of origins as browsers send them (`https://shop.example`, `null`); the
 *   entry `'same'` stands for the host that was asked.
 * @throws RealtimeError `ERR_REALTIME_OPTION` for an entry that is no origin: a path, a wildcard.
 */
export function originCheck(
  origins: 'same' | 'any' | readonly string[],
  express: ExpressRequests | undefined,
): CheckOrigin {
  if (origins === 'any') return () => undefined;
  const listed = origins === 'same' ? ['same'] : origins;
  const isSameAllowed = listed.includes('same');
  const allowed = new Set(listed.filter((entry) => entry !== 'same').map(normalOrigin));
  return (req) => {
    const origin = req.headers.origin;
    if (origin === undefined || allowed.has(origin)) return undefined;
    if (isSameAllowed && isSameHost(origin, hostOf(req, express))) return undefined;
    return { status: 403, why: 'origin', hint: `origin ${printable(origin)} refused; add it to origins` };
  };
}

function normalOrigin(entry: string): string {
  if (entry === 'null') return entry;
  const url = typeof entry === 'string' ? parseOrigin(entry) : undefined;
  if (url === undefined) {
    throw new RealtimeError(
      'ERR_REALTIME_OPTION',
      `origins takes 'same', 'any' or a list of origins such as https://shop.example, got ${
        typeof entry === 'string' ? `'${printable(entry)}'` : describeValue(entry)
      }`,
    );
  }
  return originOf(url);
}

function parseOrigin(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isBare = (url.pathname === '' || url.pathname === '/') && url.search === '' && url.hash === '';
  if (!isBare || url.username !== '' || url.host === '' || url.host.includes('*')) return undefined;
  return url;
}

/** Not `url.origin`: that is `null` for `capacitor://localhost` and the like. */
function originOf(url: URL): string {
  return `${url.protocol}//${url.host}`.toLowerCase();
}

/** Browsers send origins in normal form, so anything else is not a page of this host. */
function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false;
  const url = parseOrigin(origin);
  if (url === undefined || originOf(url) !== origin) return false;
  const target = `${url.protocol}//${host}`;
  // Parsed with the page's scheme: its default port may or may not stand in `Host`.
  return URL.canParse(target) && new URL(target).host === url.host;
}

function hostOf(req: IncomingMessage, express: ExpressRequests | undefined): string | undefined {
  return express?.forwardedHostOf(req) ?? req.headers.host;
}
