import type { IncomingMessage } from 'node:http';
import type { TokenClaims } from '../model/login-user';
import type { TokenCarrier } from './handshake';
import type { Refusal } from './refuse';

/** What a request says about who it is, before anybody checked it. */
export interface Credentials {
  /** The one token that was found where tokens may stand; never trusted here. */
  readonly token: string | undefined;
  /** The one-time ticket, where those are sold. */
  readonly ticket?: string;
  /** Something that wants to be a token is there, wherever it stands: such a request is never a guest. */
  readonly hasCarrier: boolean;
}

/** The prefix of the subprotocol that carries a token: `bearer.` and the base64url of the token. */
export const BEARER_PREFIX = 'bearer.';
const MASK = '***';
/** `access_token` is read by strategies alone (RFC 6750 §2.3). */
const CARRIER_NAMES: ReadonlySet<string> = new Set(['token', 'ticket', 'access_token']);

const NO_PARAMETERS = new URLSearchParams();

const TWO_TOKENS: Refusal = {
  status: 400,
  why: 'two-tokens',
  hint: 'two different tokens in one request; tokenFrom names the places that are read',
};
const BAD_PROTOCOL_TOKEN: Refusal = {
  status: 400,
  why: 'bad-request',
  hint: 'subprotocol bearer.… does not carry the base64url of a token',
};
const BAD_QUERY_TOKEN: Refusal = { status: 400, why: 'bad-request', hint: 'query parameter token is no token' };

/**
 * Finds the token and copies it into `Authorization`, when that is absent, so that the strategy which reads it on HTTP
 * requests reads it here unchanged.
 *
 * @param protocols the offered subprotocols.
 * @param hasTickets whether `?ticket=` is looked at.
 * @returns the refusal when there are two different tokens or one that cannot stand in a header.
 */
export function liftToken(
  req: IncomingMessage,
  protocols: readonly string[],
  tokenFrom: readonly TokenCarrier[],
  hasTickets = false,
): Credentials | Refusal {
  const header = req.headers.authorization?.trim() ?? '';
  const carried = protocols.filter((protocol) => protocol.startsWith(BEARER_PREFIX));
  const query = queryOf(req.url ?? '');
  const asked = query === '' ? NO_PARAMETERS : new URLSearchParams(query);
  const hasCarrier = header !== '' || carried.length > 0 || hasCarrierName(asked);

  const tokens = new Set<string>();
  if (tokenFrom.includes('header')) addToken(tokens, tokenOfHeader(header));
  else delete req.headers.authorization;
  if (tokenFrom.includes('protocol')) {
    for (const protocol of carried) {
      const token = decodeProtocolToken(protocol);
      if (token === undefined) return BAD_PROTOCOL_TOKEN;
      tokens.add(token);
    }
  }
  if (tokenFrom.includes('query')) {
    for (const value of asked.getAll('token')) {
      const token = withoutScheme(value);
      if (token !== '' && !isTokenText(token)) return BAD_QUERY_TOKEN;
      addToken(tokens, token);
    }
  }
  const tickets = hasTickets ? asked.getAll('ticket').filter((each) => each !== '') : [];
  if (tokens.size + tickets.length > 1) return TWO_TOKENS;
  const [ticket] = tickets;
  if (ticket !== undefined) return { token: undefined, ticket, hasCarrier };
  const [token] = tokens;
  if (token !== undefined && (req.headers.authorization ?? '') === '') req.headers.authorization = `Bearer ${token}`;
  return { token, hasCarrier };
}

/** Replaces the values of `token`, `ticket` and `access_token` in a request target, so that it may be logged. */
export function maskUrl(url: string): string {
  const start = url.indexOf('?');
  if (start === -1) return url;
  const parameters = url
    .slice(start + 1)
    .split('&')
    .map(maskParameter);
  return `${url.slice(0, start)}?${parameters.join('&')}`;
}

/** Reads `exp`, `iat` and `jti` of a token (RFC 7519 §4.1) without checking it; what it does not say is absent. */
export function claimsOf(token: string): TokenClaims {
  const payload = token.split('.', 3)[1];
  if (payload === undefined) return {};
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    // A JWT's payload is an object (RFC 7519 §7.2); anything else has no claims.
    const { exp, iat, jti } = (claims ?? {}) as {
      readonly exp?: unknown;
      readonly iat?: unknown;
      readonly jti?: unknown;
    };
    return {
      ...(isSeconds(exp) ? { expiresAtMs: exp * 1000 } : {}),
      ...(isSeconds(iat) ? { issuedAtMs: iat * 1000 } : {}),
      ...(typeof jti === 'string' && jti !== '' ? { tokenId: jti } : {}),
    };
  } catch {
    return {};
  }
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function queryOf(url: string): string {
  const start = url.indexOf('?');
  return start === -1 ? '' : url.slice(start + 1);
}

function hasCarrierName(parameters: URLSearchParams): boolean {
  for (const [name, value] of parameters) {
    if (value !== '' && CARRIER_NAMES.has(name)) return true;
  }
  return false;
}

function addToken(tokens: Set<string>, token: string | undefined): void {
  if (token !== undefined && token !== '') tokens.add(token);
}

/** The token of `Bearer <token>` or of a bare `<token>`; other schemes (Basic) carry none. */
function tokenOfHeader(header: string): string | undefined {
  const token = withoutScheme(header);
  return token.includes(' ') ? undefined : token;
}

function withoutScheme(text: string): string {
  return /^bearer /i.test(text) ? text.slice(7).trim() : text;
}

function decodeProtocolToken(protocol: string): string | undefined {
  const encoded = protocol.slice(BEARER_PREFIX.length);
  if (!/^[\w-]+$/.test(encoded)) return undefined;
  const token = withoutScheme(Buffer.from(encoded, 'base64url').toString('utf8'));
  return isTokenText(token) ? token : undefined;
}

/** Visible ASCII only: what is lifted becomes a header value. */
export function isTokenText(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

function maskParameter(parameter: string): string {
  const end = parameter.indexOf('=');
  if (end === -1) return parameter;
  const name = decodeName(parameter.slice(0, end));
  return CARRIER_NAMES.has(name) ? `${parameter.slice(0, end)}=${MASK}` : parameter;
}

function decodeName(name: string): string {
  if (!/[%+]/.test(name)) return name.toLowerCase();
  return [...new URLSearchParams(`${name}=`).keys()].join('').toLowerCase();
}
