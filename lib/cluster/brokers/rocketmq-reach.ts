import { connect } from 'node:net';

const connectMs = 2000;

/**
 * Resolves when one of the proxies takes a TCP connection; rejects with the reason of the last one otherwise.
 *
 * Asked before the driver tries: gRPC shares its connections process-wide, and waits longer after each failure (up to
 * two minutes), also for clients made anew; what it has not tried in vain it tries at once.
 *
 * @param endpoints `host:port;host:port`.
 */
export async function reachProxy(endpoints: string, signal: AbortSignal): Promise<void> {
  // Then gRPC goes through an HTTP proxy, and a direct connection may not be possible at all.
  if (['grpc_proxy', 'https_proxy', 'http_proxy'].some((name) => process.env[name])) return;
  let reason: unknown;
  for (const address of endpoints.split(';')) {
    try {
      await tryConnect(address, signal);
      return;
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

function tryConnect(address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(':');
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    const end = (error?: Error): void => {
      signal.removeEventListener('abort', handleAbort);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const handleAbort = (): void => end(new Error('closed'));
    signal.addEventListener('abort', handleAbort, { once: true });
    socket.setTimeout(connectMs, () => end(new Error(`${address} did not answer within ${connectMs} ms`)));
    socket.once('connect', () => end());
    socket.once('error', end);
  });
}
