import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { brokerFromUrl } from 'express-realtime';
import { createApp } from './app';

const {
  PORT = '3000',
  HOST = '127.0.0.1',
  BROKER,
  PUSH_KEY,
  DRAIN_MS = '0',
  DATABASE = join(__dirname, '.data', 'example.sqlite'),
  // Random: every start logs everybody out. Several processes, or one that restarts, need a fixed one.
  JWT_SECRET = randomBytes(32).toString('base64url'),
} = process.env;

const { server, realtime, close } = createApp({
  databaseFile: DATABASE,
  jwtSecret: JWT_SECRET,
  // Several processes: redis://…, amqp://…, kafka://…, rocketmq://…; none: this process is alone.
  broker: brokerFromUrl(BROKER),
  pushKey: PUSH_KEY,
  drainMs: Number(DRAIN_MS),
});

server.on('error', (error: NodeJS.ErrnoException) => {
  console.error(
    error.code === 'EADDRINUSE'
      ? `Port ${PORT} is taken. Choose another one: PORT=${Number(PORT) + 1} npm start`
      : `The server cannot listen on ${HOST}, port ${PORT}: ${error.message}`,
  );
  process.exit(1);
});

server.listen(Number(PORT), HOST, () => {
  const { port } = server.address() as AddressInfo;
  const host = HOST.includes(':') ? `[${HOST}]` : HOST;
  console.log(`The example app runs at http://${host}:${port} — open it in two tabs and log in as two users.`);
});

if (BROKER) {
  const told = 'Pushes of the other processes are heard from now on.';
  realtime.ready.then(() => console.log(told)).catch((error: unknown) => console.error(error));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void close().then(() => process.exit(0));
  });
}
