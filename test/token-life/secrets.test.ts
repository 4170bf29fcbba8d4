import { expect } from 'chai';
import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import request from 'supertest';
import type { LoginUserInput } from '../../lib/index';
import { memoryTickets, ticketRoute } from '../../lib/index';
import { memoryBus, tryConnect } from '../../lib/testing/index';
import { TestClient } from '../../lib/testing/test-client';
import { rejection } from '../cluster/support';
import { closeAfterTest, startApp } from '../support/app-server';
import { HOUR_MS, V1 } from './support';

/** What stands in every token of this file. */
const MARKER = 'SECRET-MARKER';
const users: Readonly<Record<string, LoginUserInput>> = {
  [`${MARKER}-ada`]: { id: 'ada' },
  [`${MARKER}-ada-2`]: { id: 'ada' },
  [`${MARKER}-bob`]: { id: 'bob' },
};

function authenticate(req: IncomingMessage): LoginUserInput | null {
  const token = req.headers.authorization?.slice('Bearer '.length) ?? '';
  if (token === `${MARKER}-fault`) throw new Error('the database is away');
  return users[token] ?? null;
}

describe('a token', () => {
  it('stands in no event, error, warning, session, close reason, health or receipt', async () => {
    const told: unknown[] = [];
    const warnings: unknown[] = [];
    const handleWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', handleWarning);
    closeAfterTest(async () => process.off('warning', handleWarning));
    const bus = memoryBus();
    const tickets = memoryTickets();
    const options = { name: 'shop', broker: bus.broker(), authenticate, tickets };
    const app = await startApp({
      ...options,
      mount: (express) => void express.post('/ticket', ticketRoute({ tickets, authorize: authenticate })),
      middleware: (req, _res, next) => {
        told.push(req.url, req['originalUrl']);
        next();
      },
      onOpen: (session) => void told.push(show(session), show(session.socket)),
      onClose: (session, info) => void told.push(show(session), show(info)),
    });
    // Without a hook, faults are process warnings.
    const quiet = await startApp({ authenticate, onError: undefined as never, onEvent: undefined as never });
    await app.realtime.ready;

    const token = `${MARKER}-ada`;
    const bearer = `bearer.${Buffer.from(token).toString('base64url')}`;
    const { body } = await request(app.server).post('/ticket').set('authorization', `Bearer ${token}`).expect(201);
    const { ticket } = body as { ticket: string };
    const ways = [
      ...[{ token }, { token, ...V1 }, { path: `/ws?token=${token}` }, { path: `/ws?ticket=${ticket}` }],
      ...[{ protocols: ['express-realtime.v1', bearer] }, { path: `/ws?ticket=${ticket}` }],
      ...[{ token: `${MARKER}-bad` }, { token: `${MARKER}-fault` }, { path: `/ws?ticket=${MARKER}` }],
      ...[{ token, path: `/ws?token=${MARKER}-other` }, { path: `/nowhere?token=${token}` }],
      ...[{ protocols: [`bearer.${MARKER}!`] }, { path: `/ws?token=%00${MARKER}` }],
    ];
    const letIn: TestClient[] = [];
    for (const server of [app.server, quiet.server]) {
      for (const way of ways) {
        const outcome = await tryConnect(server, way).catch((error: unknown) => error);
        if (!(outcome instanceof TestClient)) {
          told.push(outcome);
          continue;
        }
        closeAfterTest(() => outcome.terminate());
        if (server === app.server) letIn.push(outcome);
      }
    }
    const client = await app.login(null, { token, ...V1 });
    const renew = (suffix: string): void => client.send('$auth', { token: `${MARKER}-${suffix}` }, suffix);
    renew('ada-2');
    told.push(await client.next('$reply'));
    renew('fault');
    told.push(await client.next('$error'));
    client.sendText(`{"type":"$auth","content":{"token":"${MARKER}"`);
    told.push(await client.next('$error'));
    renew('bob');
    told.push(await client.closed);
    told.push(await app.realtime.revoke({ userId: 'ada', issuedBefore: Date.now() + HOUR_MS }));
    told.push(await Promise.all(letIn.map(({ closed }) => closed)));
    told.push(await tryConnect(app.server, { token }));
    bus.down();
    told.push(show(await rejection(app.realtime.revoke({ userId: 'bob', issuedBefore: Date.now() }))));
    told.push(app.realtime.health(), app.realtime.hub.list().map(show), app.events, app.errors);

    expect(app.events.length).to.be.greaterThan(10);
    expect(app.errors.length).to.be.greaterThan(2);
    expect(warnings).to.not.deep.equal([]);
    const all = show(told) + show(warnings) + show(bus.published.map(({ bytes }) => bytes.toString()));
    // Not the whole of it in a failure's message: that is megabytes.
    for (const text of ['handshake.refused', '?token=***', 'login revoked']) {
      expect(all.includes(text), text).to.equal(true);
    }
    for (const secret of [MARKER, Buffer.from(MARKER).toString('base64url').slice(0, -1), ticket]) {
      expect(all.split(secret).length - 1, secret).to.equal(0);
    }
  });
});

function show(value: unknown): string {
  return inspect(value, { depth: 8, showHidden: true, maxStringLength: null, maxArrayLength: null });
}
