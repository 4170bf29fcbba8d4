import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';

/** Where a test client connects to. */
export interface TestAddress {
  readonly url: URL;
  /** The server was given as a value: it is the test's own, so its certificate need not be known. */
  readonly isTrusted: boolean;
}

const DEFAULT_PATH = '/ws';

/**
 * The WebSocket URL of a server, waiting until it listens.
 *
 * @throws Error when it does not listen within `timeoutMs`.
 */
export async function addressOf(
  to: Server | string,
  path: string | undefined,
  timeoutMs: number,
): Promise<TestAddress> {
  if (typeof to === 'string') return { url: urlOf(to, path), isTrusted: false };
  await listening(to, timeoutMs);
  const address = to.address();
  const scheme = to instanceof TlsServer ? 'wss' : 'ws';
  if (address === null) throw new Error('the server has no address');
  // ws speaks through a Unix socket with this form of URL.
  if (typeof address === 'string')
    return { url: new URL(`${scheme}+unix:${address}:${path ?? DEFAULT_PATH}`), isTrusted: true };
  return {
    url: new URL(path ?? DEFAULT_PATH, `${scheme}://${hostOf(address.address)}:${address.port}`),
    isTrusted: true,
  };
}

function urlOf(text: string, path: string | undefined): URL {
  const url = new URL(text.replace(/^http/, 'ws'));
  if (path !== undefined) return new URL(path, url);
  return url.pathname === '/' ? new URL(`${DEFAULT_PATH}${url.search}`, url) : url;
}

/** A server on every interface is reached on this machine. */
function hostOf(host: string): string {
  if (host === '::' || host === '0.0.0.0') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function listening(server: Server, timeoutMs: number): Promise<void> {
  if (server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      server.off('listening', handleListening);
      reject(new Error(`the server does not listen after ${timeoutMs} ms`));
    }, timeoutMs);
    const handleListening = (): void => {
      clearTimeout(timer);
      resolve();
    };
    server.once('listening', handleListening);
  });
}
