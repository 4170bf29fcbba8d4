/* eslint-disable @typescript-eslint/no-unused-vars -- looked at by their types only */
// Compiled by `npm run types`, never run: what an application's compiler says. Each expectation that does not hold
// is an error of its own.
import { type } from 'arktype';
import type { Express, Request } from 'express';
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { Passport } from 'passport';
import * as valibot from 'valibot';
import { z } from 'zod';
import { connect as connectClient } from '../../lib/client/index';
import type { RealtimeClient, StatusChange } from '../../lib/client/index';
import { attachRealtime, defineMessages, getSender, senderApi } from '../../lib/index';
import type { Id, LoginUser, Receipt, Sender, Session, Target, TenantSender } from '../../lib/index';
import { connect } from '../../lib/testing/index';

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(isSame: Same<A, B>): void;

declare const app: Express;
declare const server: Server;
declare const tlsServer: TlsServer;
const passport = new Passport();

export function handlers(): void {
  const { registry } = attachRealtime(server, { passport });

  registry.on('chat', (content, session, context) => {
    same<typeof content, unknown>(true);
    same<typeof session, Session>(true);
    same<typeof session.loginUser, LoginUser>(true);
    same<typeof context.signal, AbortSignal>(true);
    // @ts-expect-error content is unknown until it was looked at
    void content.text;
  });

  registry.on('zod', { schema: z.object({ text: z.string(), at: z.coerce.date() }) }, (content) => {
    same<typeof content, { text: string; at: Date }>(true);
  });
  registry.on('valibot', { schema: valibot.object({ count: valibot.optional(valibot.number(), 1) }) }, (content) => {
    same<typeof content, { count: number }>(true);
  });
  registry.on('arktype', { schema: type({ name: 'string', 'age?': 'number' }) }, ({ name, age }) => {
    same<typeof name, string>(true);
    same<typeof age, number | undefined>(true);
  });
  registry.on('async', { schema: z.string().transform(async (text) => text.length) }, async (content) => {
    same<typeof content, number>(true);
  });

  registry.on('guests', { anonymous: true }, (_content, session) => {
    same<typeof session.loginUser, LoginUser | null>(true);
    // @ts-expect-error a guest has no id
    void session.loginUser.id;
    void session.loginUser?.id;
  });
  registry.on('guests too', { anonymous: true, schema: z.number() }, (content, session) => {
    same<typeof content, number>(true);
    same<typeof session.loginUser, LoginUser | null>(true);
  });
  registry.on(
    'some guests',
    { anonymous: true, authorize: (session) => session.loginUser === null || session.loginUser.id === 1 },
    () => undefined,
  );
  // @ts-expect-error a guest that asks to be let through has no loginUser
  registry.on('no guests', { anonymous: true, authorize: (session) => session.loginUser.id === 1 }, () => undefined);
  registry.on('users', { anonymous: false, userTypes: [1, 'admin'] }, (_content, session) => {
    same<typeof session.loginUser, LoginUser>(true);
  });
  registry.on('authorized', { authorize: async (session) => session.loginUser.id === 1 }, () => undefined);

  // @ts-expect-error a schema is an object with ~standard
  registry.on('wrong', { schema: { parse: () => 1 } }, () => undefined);
  // @ts-expect-error user types are ids
  registry.on('wrong', { userTypes: [null] }, () => undefined);
  // @ts-expect-error authorize answers a boolean
  registry.on('wrong', { authorize: () => 'yes' }, () => undefined);
  // @ts-expect-error an unknown option
  registry.on('wrong', { usertypes: [1] }, () => undefined);
  // @ts-expect-error a handler is a function
  registry.on('wrong', {});
  same<ReturnType<typeof registry.off>, boolean>(true);
}

export async function senders(sender: Sender): Promise<void> {
  same<Receipt, Awaited<ReturnType<typeof sender.send>>>(true);
  await sender.send({ userId: 7 }, 'n', { any: ['thing'] });
  await sender.send({ userId: [7, '8'], userType: 'admin', tenantId: 1 }, 'n', null);
  await sender.send({ everyone: true, except: ['session', { userId: 7, userType: 1 }], allTenants: true }, 'n', 1);
  await sender.send({ userType: 0 }, 'n', JSON.parse('1'));
  // @ts-expect-error a typo
  await sender.send({ userID: 7 }, 'n', 1);
  // @ts-expect-error nobody
  await sender.send({}, 'n', 1);
  // @ts-expect-error null is no id
  await sender.send({ userId: null }, 'n', 1);
  // @ts-expect-error only true
  await sender.send({ everyone: false }, 'n', 1);
  // @ts-expect-error a type is a string
  await sender.send({ everyone: true }, 7, 1);
  // @ts-expect-error JSON text is a string
  await sender.sendText({ everyone: true }, 'n', {});
  // @ts-expect-error a bound sender binds no further
  void (sender.forTenant(1) satisfies TenantSender).forTenant(2);
  const target: Target = { room: 'lobby' };
  same<Awaited<ReturnType<typeof sender.count>>, number>(true);
  await sender.disconnect(target, { code: 4000, reason: 'bye' });
}

export function inRoutes(): void {
  app.get('/', async (req, res) => {
    same<typeof req.app.locals.sender, Sender>(true);
    same<ReturnType<typeof getSender>, Sender>(true);
    res.json(await getSender(req).send({ everyone: true }, 'n', 1));
  });
  same<typeof app.locals.sender, Sender>(true);
}

export function options(): void {
  attachRealtime(tlsServer, { passport, strategy: ['jwt', 'anonymous'], anonymous: true });
  attachRealtime(app.listen(0), { app, authenticate: (req) => (req.headers.cookie ? { id: 1 } : null) });
  attachRealtime(server, { authenticate: async () => undefined, origins: ['same', 'https://a.example'] });
  attachRealtime(server, {
    passport,
    toLoginUser: (user: { readonly sub: string }) => ({ id: user.sub }),
    onOpen: (session) => same<typeof session.loginUser, LoginUser | null>(true),
    onClose: (_session, { code, why }) => void [code.toFixed(), why === 'expired'],
    onEvent: (event) => {
      if (event.name === 'session.closed') same<typeof event.discarded, number>(true);
    },
    onError: (error, { session, type: messageType }) => void [error.message, session?.id, messageType],
    maxSessionsPerUser: { max: 3, policy: 'replace' },
  });
  // @ts-expect-error a typo
  attachRealtime(server, { passport, maxPayload: 1 });
  // @ts-expect-error not a number
  attachRealtime(server, { passport, heartbeatMs: '25s' });
  // @ts-expect-error one of two words
  attachRealtime(server, { passport, overflow: 'ignore' });
}

export function apis(): void {
  app.use('/realtime', senderApi({ authorize: () => ({ allTenants: true }) }));
  app.use('/realtime', senderApi({ authorize: (req: Request) => (req.get('x-key') ? { tenantId: 1 } : null) }));
  app.use(
    senderApi({ authorize: async (req) => (req.user ? { allTenants: true, types: ['n'], userTypes: [2] } : false) }),
  );
  app.use(senderApi({ authorize: (req) => req.user && { tenantId: (req.user as { shop: Id }).shop } }));
  // @ts-expect-error never an open endpoint
  senderApi({});
  // @ts-expect-error a scope says which tenant, or all
  senderApi({ authorize: () => ({ types: ['n'] }) });
  // @ts-expect-error true is no scope
  senderApi({ authorize: () => true });
}

export async function clients(): Promise<void> {
  const client = await connect(server, { token: 'one', tokenIn: 'query' });
  same<Awaited<ReturnType<typeof client.next<'n'>>>, unknown>(true);
  client.send('chat', { text: 'hi' });
  same<Awaited<typeof client.closed>['code'], number>(true);
  // @ts-expect-error no such place
  await connect(server, { tokenIn: 'cookie' });
}

/** Without a contract every type is a string and every content unknown; with one, only where it is named. */
export async function browserClients(): Promise<void> {
  const client = connectClient('/ws', { token: async () => null, offline: 'drop' });
  same<typeof client, RealtimeClient>(true);
  const stop = client.on('any', (content) => {
    same<typeof content, unknown>(true);
  });
  same<typeof stop, () => void>(true);
  client.onStatus((change) => same<typeof change, StatusChange>(true));
  same<ReturnType<typeof client.send>, boolean>(true);
  client.send('any', { a: 1 });
  same<unknown, Awaited<ReturnType<typeof client.request>>>(true);
  await client.request('any', null, { timeoutMs: 1 });
  // @ts-expect-error one of three words
  connectClient('/ws', { offline: 'queue' });
  // @ts-expect-error a typo
  connectClient('/ws', { tokens: () => 'one' });

  const messages = defineMessages({
    clientToServer: { chat: z.object({ text: z.string().default('') }) },
    serverToClient: { shipped: z.object({ at: z.string().transform(Date.parse) }) },
  });
  const typed = connectClient<typeof messages>('/ws');
  typed.on('shipped', (content) => {
    // As it was sent: a client runs no schema.
    same<typeof content, { at: string }>(true);
  });
  typed.send('chat', {});
  // @ts-expect-error a typo
  typed.send('chta', {});
  // @ts-expect-error a typo
  typed.on('shiped', () => undefined);
  // @ts-expect-error no text
  await typed.request('chat', { text: 1 });
}
