// A server in a process of its own, for tests that stop the process. Prints its port; ends with its standard input.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachRealtime } from '../../lib/index';

const server = http.createServer(express());
const realtime = attachRealtime(server, { authenticate: () => ({ id: 1 }), heartbeatMs: 100 });
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().on('end', () => {
  void realtime.close();
  server.close();
});
