import { expect } from 'chai';
import type { LoginUserInput, RealtimeErrorCode, Target, TenantSender } from '../../lib/index';
import type { AnySession, TestClient, TestServer } from './support';
import { RawPeer } from './raw-peer';
import { codeOf, idsOf, startServer, stopServers } from './support';

/** The same people, types and rooms in two tenants, so that any leak shows. */
const PEOPLE = [
  { name: 'one', id: 1, userType: 0, room: 'r' },
  { name: 'one, other type', id: 1, userType: 5, room: 'r' },
  { name: 'two', id: 2, userType: 0, room: 'q' },
] as const;
const TENANTS = ['a', 'b'] as const;

type Tenant = (typeof TENANTS)[number];
/** Which tenants a call may touch, or the code that it throws. */
type Reach = readonly string[] | RealtimeErrorCode;

interface Place {
  readonly name: string;
  readonly tenant: Tenant;
  readonly person: (typeof PEOPLE)[number];
}

const PLACES: readonly Place[] = TENANTS.flatMap((tenant) =>
  PEOPLE.map((person) => ({ name: `${tenant}: ${person.name}`, tenant, person })),
);

interface TargetRow {
  readonly name: string;
  target(sessions: ReadonlyMap<string, AnySession>): Target;
  matches(place: Place): boolean;
}

const TARGETS: readonly TargetRow[] = [
  { name: 'everyone', target: () => ({ everyone: true }), matches: () => true },
  { name: 'userType 0', target: () => ({ userType: 0 }), matches: ({ person }) => person.userType === 0 },
  { name: "userType '5'", target: () => ({ userType: '5' }), matches: ({ person }) => person.userType === 5 },
  {
    name: 'userId 1',
    target: () => ({ userId: 1 }),
    matches: ({ person }) => person.id === 1 && person.userType === 0,
  },
  {
    name: 'userId 1 of type 5',
    target: () => ({ userId: '1', userType: 5 }),
    matches: ({ person }) => person.id === 1 && person.userType === 5,
  },
  {
    name: 'userIds 1, 2 and 3',
    target: () => ({ userId: [1, '2', 3] }),
    matches: ({ person }) => person.userType === 0,
  },
  { name: 'no userIds', target: () => ({ userId: [] }), matches: () => false },
  { name: 'room r', target: () => ({ room: 'r' }), matches: ({ person }) => person.room === 'r' },
  { name: 'an empty room', target: () => ({ room: 'nobody' }), matches: () => false },
  ...PLACES.map(({ name }) => ({
    name: `the session of ${name}`,
    target: (sessions: ReadonlyMap<string, AnySession>) => ({ sessionId: sessions.get(name)?.id ?? '' }),
    matches: (place: Place) => place.name === name,
  })),
  {
    name: 'everyone except user 1',
    target: () => ({ everyone: true, except: { userId: 1 } }),
    matches: ({ person }) => person.id !== 1 || person.userType !== 0,
  },
  {
    name: 'everyone except a session of tenant b',
    target: (sessions) => ({ everyone: true, except: sessions.get('b: two')?.id ?? '' }),
    matches: ({ name }) => name !== 'b: two',
  },
];

interface SenderRow {
  readonly name: string;
  sender(server: TestServer, sessions: ReadonlyMap<string, AnySession>): TenantSender;
  /** Added to each target. */
  readonly scope?: object;
  readonly reach: Reach;
}

const sessionSender = (name: string) => (_server: TestServer, sessions: ReadonlyMap<string, AnySession>) => {
  const session = sessions.get(name);
  if (session === undefined) throw new Error(`no session of ${name}`);
  return session.sender;
};
const plain = ({ realtime }: TestServer) => realtime;
const forTenant =
  (tenantId: string) =>
  ({ realtime }: TestServer) =>
    realtime.forTenant(tenantId);

const SENDERS: readonly SenderRow[] = [
  { name: 'the plain sender without a tenant', sender: plain, reach: 'ERR_REALTIME_TENANT' },
  { name: 'the plain sender with tenantId a', sender: plain, scope: { tenantId: 'a' }, reach: ['a'] },
  { name: 'the plain sender with tenantId b', sender: plain, scope: { tenantId: 'b' }, reach: ['b'] },
  { name: 'the plain sender with an unknown tenant', sender: plain, scope: { tenantId: 'c' }, reach: [] },
  { name: 'the plain sender with allTenants', sender: plain, scope: { allTenants: true }, reach: ['a', 'b'] },
  {
    name: 'the plain sender with allTenants: false',
    sender: plain,
    scope: { allTenants: false },
    reach: 'ERR_REALTIME_TARGET',
  },
  {
    name: 'the plain sender with tenantId and allTenants',
    sender: plain,
    scope: { tenantId: 'a', allTenants: true },
    reach: 'ERR_REALTIME_TENANT',
  },
  {
    name: 'the plain sender with an empty tenant',
    sender: plain,
    scope: { tenantId: '' },
    reach: 'ERR_REALTIME_TARGET',
  },
  {
    name: 'the plain sender with tenantId undefined',
    sender: plain,
    scope: { tenantId: undefined },
    reach: 'ERR_REALTIME_TARGET',
  },
  { name: 'forTenant(a)', sender: forTenant('a'), reach: ['a'] },
  { name: 'forTenant(b)', sender: forTenant('b'), reach: ['b'] },
  { name: 'forTenant of an unknown tenant', sender: forTenant('c'), reach: [] },
  { name: 'forTenant(a) with its own tenantId', sender: forTenant('a'), scope: { tenantId: 'a' }, reach: ['a'] },
  {
    name: 'forTenant(a) with another tenantId',
    sender: forTenant('a'),
    scope: { tenantId: 'b' },
    reach: 'ERR_REALTIME_TENANT',
  },
  {
    name: 'forTenant(a) with allTenants',
    sender: forTenant('a'),
    scope: { allTenants: true },
    reach: 'ERR_REALTIME_TENANT',
  },
  { name: 'session.sender of a', sender: sessionSender('a: one'), reach: ['a'] },
  { name: 'session.sender of b', sender: sessionSender('b: two'), reach: ['b'] },
  {
    name: 'session.sender of b with its own tenantId',
    sender: sessionSender('b: two'),
    scope: { tenantId: 'b' },
    reach: ['b'],
  },
  {
    name: 'session.sender of a with another tenantId',
    sender: sessionSender('a: one'),
    scope: { tenantId: 'b' },
    reach: 'ERR_REALTIME_TENANT',
  },
  {
    name: 'session.sender of a with allTenants',
    sender: sessionSender('a: one'),
    scope: { allTenants: true },
    reach: 'ERR_REALTIME_TENANT',
  },
];

describe('tenants: who reaches whom', () => {
  let server: TestServer;
  const clients = new Map<string, TestClient>();
  const sessions = new Map<string, AnySession>();

  before(async () => {
    server = await startServer({ multiTenant: true });
    for (const { name, tenant, person } of PLACES) {
      const client = await server.connect({ id: person.id, userType: person.userType, tenantId: tenant });
      client.session.join(person.room);
      clients.set(name, client);
      sessions.set(name, client.session);
    }
  });
  after(stopServers);

  let serial = 0;
  for (const { name, sender, scope, reach } of SENDERS) {
    for (const row of TARGETS) {
      const wanted =
        typeof reach === 'string' ? [] : PLACES.filter((place) => reach.includes(place.tenant) && row.matches(place));
      it(`${name} → ${row.name}: ${typeof reach === 'string' ? reach : wanted.map((place) => place.name).join('; ') || 'nobody'}`, async () => {
        const target = { ...row.target(sessions), ...scope };
        const from = sender(server, sessions);
        serial += 1;
        if (typeof reach === 'string') {
          for (const call of [
            () => from.send(target, 'n', serial),
            () => from.sendText(target, 'n', String(serial)),
            () => from.count(target),
            () => from.isOnline(target),
            () => from.disconnect(target),
          ]) {
            expect(codeOf(call)).to.equal(reach);
          }
        } else {
          expect((await from.send(target, 'n', serial)).delivered).to.equal(wanted.length);
          expect((await from.sendText(target, 'text', String(serial))).delivered).to.equal(wanted.length);
          expect(await from.count(target)).to.equal(wanted.length);
          expect(await from.isOnline(target)).to.equal(wanted.length > 0);
          if (from === server.realtime) {
            expect(idsOf(server.realtime.hub.list(target))).to.deep.equal(
              idsOf(wanted.flatMap((place) => sessions.get(place.name) ?? [])),
            );
          }
        }
        await Promise.all([...clients.values()].map((client) => client.settle()));
        const reached = [...clients].filter(([, { messages }]) => messages.some(({ content }) => content === serial));
        expect(reached.map(([place]) => place)).to.deep.equal(wanted.map((place) => place.name));
        for (const [, { messages }] of reached) {
          expect(messages.filter(({ content }) => content === serial).map(({ type }) => type)).to.deep.equal([
            'n',
            'text',
          ]);
        }
      });
    }
  }

  it('hub.list and hub.count with a target need a tenant as well; without one they are all of this process', () => {
    const { hub } = server.realtime;
    expect(codeOf(() => hub.list({ everyone: true }))).to.equal('ERR_REALTIME_TENANT');
    expect(codeOf(() => hub.count({ everyone: true }))).to.equal('ERR_REALTIME_TENANT');
    expect(hub.count({ everyone: true, tenantId: 'a' })).to.equal(3);
    expect(hub.count()).to.equal(6);
  });

  it('disconnects only in its own tenant', async () => {
    const { delivered } = await server.realtime.forTenant('a').disconnect({ everyone: true }, { code: 4000 });
    expect(delivered).to.equal(3);
    await server.closings(3);
    expect(server.closed.every(({ session }) => session.loginUser?.tenantId === 'a')).to.equal(true);
    await clients.get('b: one')?.settle();
    expect(
      (await server.realtime.disconnect({ sessionId: sessions.get('b: one')?.id ?? '', tenantId: 'a' })).delivered,
    ).to.equal(0);
    expect(server.realtime.hub.count()).to.equal(3);
  });
});

describe('tenants at the door', () => {
  afterEach(stopServers);

  for (const tenantId of ['a', 7, '0', 0]) {
    it(`refuses a login with tenant ${JSON.stringify(tenantId)} where multiTenant is off, and tells why`, async () => {
      const server = await startServer();
      const peer = await RawPeer.open(server.url({ id: 1, tenantId }));
      await server.told('handshake.refused');
      expect(peer.status).to.be.oneOf([403, 500]);
      expect(server.opened).to.have.length(0);
      const told = JSON.stringify(server.events) + server.errors.map(({ message }) => message).join();
      expect(told).to.contain('multiTenant');
      peer.socket.destroy();
    });
  }

  for (const tenantId of [undefined, null, '']) {
    it(`refuses a login with tenant ${JSON.stringify(tenantId)} with 403 where multiTenant is on`, async () => {
      const server = await startServer({ multiTenant: true });
      const peer = await RawPeer.open(server.url({ id: 1, tenantId } as unknown as LoginUserInput));
      expect(peer.status).to.equal(403);
      expect(server.opened).to.have.length(0);
      peer.socket.destroy();
    });
  }

  for (const tenantId of [true, {}, ['a'], 1.5, 2 ** 53]) {
    it(`refuses a login with tenant ${JSON.stringify(tenantId)}, which is no id`, async () => {
      const server = await startServer({ multiTenant: true });
      const peer = await RawPeer.open(server.url({ id: 1, tenantId } as unknown as LoginUserInput));
      expect(peer.status).to.equal(500);
      expect(server.opened).to.have.length(0);
      peer.socket.destroy();
    });
  }

  it('lets logins without a tenant in where multiTenant is off, also with an empty one', async () => {
    const server = await startServer();
    const { session } = await server.connect({ id: 1, tenantId: '' });
    expect(session.loginUser).to.not.have.property('tenantId');
  });

  it('refuses targets that name a tenant, and forTenant, where multiTenant is off', async () => {
    const server = await startServer();
    const { realtime } = server;
    const client = await server.connect({ id: 1 });
    const calls = [
      () => realtime.send({ everyone: true, tenantId: 'a' }, 'n', 1),
      () => realtime.send({ everyone: true, allTenants: true }, 'n', 1),
      () => client.session.sender.send({ everyone: true, tenantId: 'a' }, 'n', 1),
      () => realtime.forTenant('a'),
      () => realtime.hub.list({ everyone: true, tenantId: 'a' }),
    ];
    for (const call of calls) expect(codeOf(call)).to.equal('ERR_REALTIME_TENANT');
    await client.settle();
    expect(client.messages).to.deep.equal([]);
  });

  for (const tenantId of ['', null, undefined, 1.5, {}, true]) {
    it(`refuses forTenant(${JSON.stringify(tenantId)})`, async () => {
      const server = await startServer({ multiTenant: true });
      expect(codeOf(() => server.realtime.forTenant(tenantId as string))).to.equal('ERR_REALTIME_TENANT');
    });
  }
});
