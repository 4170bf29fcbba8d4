import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** An HTTP proxy for CONNECT only, such as gRPC clients use where the variable `grpc_proxy` names one. */
export interface HttpTunnel {
  readonly port: number;
  stop(): void;
}

export async function startHttpTunnel(): Promise<HttpTunnel> {
  const ends = new Set<Duplex>();
  const server = createServer();
  server.on('connect', ({ url = '' }, client, head) => {
    const target = new URL(`http://${url}`);
    const upstream = connect(Number(target.port), target.hostname);
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    const handleEnd = (): void => {
      for (const end of [client, upstream]) {
        end.destroy();
        ends.delete(end);
      }
    };
    for (const end of [client, upstream]) {
      ends.add(end);
      end.on('error', handleEnd).on('close', handleEnd);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      for (const end of ends) end.destroy();
    },
  };
}
