import type { Broker, Realtime, SenderApiRequest } from 'express-realtime';
import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { join } from 'node:path';
import express from 'express';
import { attachRealtime, clientScript, senderApi } from 'express-realtime';
import { createAuth, currentUser, isEqual } from './auth';
import { startChat, tellWhoIsOnline } from './chat';
import { customerServiceRouter } from './customer-service';
import { Database } from './database';
import { answerErrors, notFound, secureHeaders } from './http';
import { noticesRouter } from './notices';
import { stopListening } from './stop-listening';
import { tenants } from './users';

/** What the app needs to know from outside. */
export interface AppOptions {
  /** The database file; made when it is missing. */
  readonly databaseFile: string;
  /** Signs the logins; the same in every process. */
  readonly jwtSecret: string;
  /** Carries pushes between processes; none: this process is alone. */
  readonly broker?: Broker | undefined;
  /** Whoever sends it as `x-api-key` may push through `POST /realtime/send`; none: nobody may. */
  readonly pushKey?: string | undefined;
  /** Over how long `close` says goodbye; default 0 ms: to all clients at once, and to gateways not at all. */
  readonly drainMs?: number | undefined;
}

/** The whole app, not listening yet. */
export interface ExampleApp {
  readonly server: Server;
  readonly realtime: Realtime;
  /** Tells gateways, stops listening, says goodbye to clients (they come back, to another process), then ends the rest. */
  close(): Promise<void>;
}

/** How long gateways that send anything at all take to notice that a process answers 503. */
const NOTICE_MS = 500;

/** Builds the Express app, its routes, and the WebSocket beside them. */
export function createApp({ databaseFile, jwtSecret, broker, pushKey, drainMs = 0 }: AppOptions): ExampleApp {
  const database = new Database(databaseFile);
  const { passport, requireUser, router: loginRouter } = createAuth(jwtSecret);
  let isClosing = false;

  const app = express();
  app.disable('x-powered-by');
  app.use(secureHeaders);
  app.use((req, res, next) => {
    if (!isClosing) return next();
    res.set('Connection', 'close');
    // A gateway asks another process for what changes nothing, and leaves this one alone from then on. It cannot repeat
    // the rest, which is done here to the last moment.
    if (req.method === 'GET' || req.method === 'HEAD') res.status(503).end();
    else next();
  });
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
  // The browser's side, `import { connect } from '/realtime/client.js'`.
  app.use('/realtime', clientScript());
  // For other services: they name tenant and target, and no user is logged in.
  if (pushKey) {
    const authorize = ({ headers }: SenderApiRequest) =>
      isEqual(String(headers['x-api-key']), pushKey) ? { allTenants: true as const } : null;
    app.use('/realtime', senderApi({ authorize }));
  }
  app.use(answerErrors);

  const server = createServer(app);
  const realtime = attachRealtime(server, {
    passport,
    multiTenant: true,
    // As above: a socket that was let in now would be closed half a second later.
    middleware: (_req, res: ServerResponse, next) => {
      if (isClosing) res.writeHead(503).end();
      else next();
    },
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
      isClosing = true;
      const { ended } = await stopListening(server, Math.min(drainMs, NOTICE_MS));
      await realtime.close({ code: 1012, drainMs });
      server.closeAllConnections();
      await ended;
      database.close();
    },
  };
}
