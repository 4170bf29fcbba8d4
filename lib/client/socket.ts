/** The part of the WebSocket interface that the client uses: browsers, workers, React Native and `ws` all have it. */
export interface SocketLike {
  readonly protocol?: string | undefined;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

/** Makes a socket; `protocols` has the protocol's name first and the token behind it. */
export type CreateSocket = (url: string, protocols: string[]) => SocketLike | Promise<SocketLike>;

/** The subprotocol of this client. */
export const PROTOCOL = 'express-realtime.v1';

const BASE64_URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The subprotocols to offer: the token rides as `bearer.<base64url>`, since browsers cannot set a header here. */
export function protocolsFor(token: string | undefined): string[] {
  return token === undefined ? [PROTOCOL] : [PROTOCOL, `bearer.${base64Url(token)}`];
}

/** Written out, since not every runtime has `btoa`. Tokens are visible ASCII, one byte a character. */
function base64Url(text: string): string {
  let encoded = '';
  for (let index = 0; index < text.length; index += 3) {
    const bytes = [text.charCodeAt(index), text.charCodeAt(index + 1), text.charCodeAt(index + 2)];
    const [a = 0, b, c] = bytes.map((byte) => (Number.isNaN(byte) ? undefined : byte & 0xff));
    encoded += at(a >> 2) + at(((a & 3) << 4) | ((b ?? 0) >> 4));
    if (b !== undefined) encoded += at(((b & 15) << 2) | ((c ?? 0) >> 6));
    if (c !== undefined) encoded += at(c & 63);
  }
  return encoded;
}

function at(sextet: number): string {
  return BASE64_URL.charAt(sextet);
}

/** Opens the runtime's own WebSocket. */
export function openNative(url: string, protocols: string[]): SocketLike {
  const { WebSocket } = globalThis as { WebSocket?: new (url: string, protocols: string[]) => SocketLike };
  if (WebSocket === undefined)
    throw new Error(
      'this runtime has no WebSocket: give createSocket, such as (url, protocols) => new ws.WebSocket(url, protocols)',
    );
  return new WebSocket(url, protocols);
}
