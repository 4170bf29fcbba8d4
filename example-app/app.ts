import type { Broker, Realtime } from 'express-realtime';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { join } from 'node:path';
import express from 'express';
import { attachRealtime } from 'express-realtime';
import { createAuth, currentUser } from './auth';
import { startChat, tellWhoIsOnline } from './chat';
import { customerServiceRouter } from './customer-service';
import { Database } from './database';
import { answerErrors, notFound, secureHeaders } from './http';
import { noticesRouter } from './notices';
import { tenants } from './users';

/** What the app needs to know from outside. */
export interface AppOptions {
  /** The database file; made when it is missing. */
  readonly databaseFile: string;
  /** Signs the logins; the same in every process. */
  readonly jwtSecret: string;
  /** Carries pushes between processes; none: this process is alone. */
  readonly broker?: Broker | undefined;
}

/** The whole app, not listening yet. */
export interface ExampleApp {
  readonly server: Server;
  readonly realtime: Realtime;
  /** Says goodbye to clients (they come back later), then ends the server and closes the database. */
  close(): Promise<void>;
}

/** Builds the Express app, its routes, and the WebSocket beside them. */
export function createApp({ databaseFile, jwtSecret, broker }: AppOptions): ExampleApp {
  const database = new Database(databaseFile);
  const { passport, requireUser, router: loginRouter } = createAuth(jwtSecret);

  const app = express();
  app.disable('x-powered-by');
  app.use(secureHeaders);
  app.use(express.static(join(__dirname, 'public')));
  app.use('/api', express.json({ limit: '32kb' }));
  app.use('/api', loginRouter);
  app.use('/api/notices', noticesRouter(database, requireUser));
  app.use('/api/customer-service', customerServiceRouter(database, requireUser));
  app.get('/api/me', requireUser, (req, res) => {
    const user = currentUser(req);
    res.json({ ...user, tenantName: tenants.find(({ id }) => id === user.tenantId)?.name });
  });
  app.use('/api', notFound);
  app.use(answerErrors);

  const server = createServer(app);
  const realtime = attachRealtime(server, {
    passport,
    multiTenant: true,
    name: 'express-realtime-example',
    ...(broker ? { broker } : {}),
    onOpen: (session) => tellWhoIsOnline(realtime, session),
    onClose: (session) => tellWhoIsOnline(realtime, session),
  });
  startChat(realtime);

  return {
    server,
    realtime,
    async close() {
      await realtime.close({ code: 1012 });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      database.close();
    },
  };
}
