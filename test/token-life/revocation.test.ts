import { expect } from 'chai';
import { sign } from 'jsonwebtoken';
import type { Suite } from 'mocha';
import { Passport } from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import type { LoginUserInput, RevocationInput } from '../../lib/index';
import { RelayError, createSender } from '../../lib/index';
import { redisBroker } from '../../lib/cluster/brokers/redis';
import { Hub } from '../../lib/session/hub';
import { Revocations } from '../../lib/session/revocations';
import type { TestClient } from '../../lib/testing/index';
import { refusal, tryConnect } from '../../lib/testing/index';
import type { AppServer } from '../support/app-server';
import { closeAfterTest, openClient } from '../support/app-server';
import { forgedBatch } from '../cluster/forged-batch';
import { rejection } from '../cluster/support';
import { missingRedis, startRedis } from '../servers/redis';
import { describeWithServer } from '../servers/server';
import { HOUR_MS, SlowLogin, V1, issued, start, startNodes, tokenOf } from './support';

const REVOKED = { code: 4401, reason: 'login revoked' };
const { now } = Date;

async function statusOf(app: AppServer, user: LoginUserInput): Promise<number> {
  return (await refusal(app.server, { token: tokenOf(user) })).status;
}

async function isOpen(client: TestClient): Promise<void> {
  client.sendText('ping');
  expect(await client.nextText()).to.equal('pong');
}

describe('sender.revoke in one process', () => {
  afterEach(() => {
    Date.now = now;
  });

  it('closes a user’s sessions with 4401 and refuses their tokens with 401, but lets in a token that is newer', async () => {
    const closes: string[] = [];
    let tellBoth: () => void = () => undefined;
    const areBothTold = new Promise<void>((resolve) => (tellBoth = resolve));
    const app = await start({ onClose: (_session, { why }) => void (closes.push(why) === 2 && tellBoth()) });
    const at = Date.now();
    const old = await app.login(issued(7, at - 1000));
    const undated = await app.login({ id: 7 }, V1);
    const others = [await app.login(issued(7, at - 1000, { userType: 1 })), await app.login(issued(8, at - 1000))];

    const receipt = await app.realtime.revoke({ userId: 7, issuedBefore: new Date(at) });
    expect(receipt).to.include({ delivered: 2, relay: 'none' });
    expect([await old.closed, await undated.closed]).to.deep.equal([REVOKED, REVOKED]);
    await areBothTold;
    expect(closes).to.deep.equal(['revoked', 'revoked']);
    for (const user of [issued(7, at - 1), { id: 7 }, { id: '7', userType: '0' }]) {
      expect(await statusOf(app, user)).to.equal(401);
    }
    const refused = app.events.filter((event) => event.name === 'handshake.refused');
    expect(refused.map(({ why }) => why)).to.deep.equal(['revoked', 'revoked', 'revoked']);
    await app.login(issued(7, at));
    for (const other of others) await isOpen(other);
  });

  it('closes one token’s sessions, whoever they are, and no other', async () => {
    const app = await start();
    const stolen = [await app.login({ id: 7, tokenId: 'a' }), await app.login({ id: 8, tokenId: 'a' })];
    const kept = [await app.login({ id: 7, tokenId: 'b' }), await app.login({ id: 7 })];
    expect(await app.realtime.revoke({ tokenId: 'a' })).to.include({ delivered: 2 });
    for (const client of stolen) expect(await client.closed).to.deep.equal(REVOKED);
    expect(await statusOf(app, { id: 9, tokenId: 'a' })).to.equal(401);
    for (const client of kept) await isOpen(client);
  });

  it('knows a JWT by its jti and iat', async () => {
    const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken();
    const strategy = new Strategy({ jwtFromRequest, secretOrKey: 'secret' }, (claims, done) => {
      done(null, { id: (claims as { sub: string }).sub });
    });
    const app = await start({ authenticate: undefined as never, passport: new Passport().use(strategy) });
    const iat = Math.floor(Date.now() / 1000) - 60;
    const [first, second] = ['a', 'b'].map((jwtid) => sign({ sub: 'ada', iat }, 'secret', { jwtid }));
    const client = await openClient(app.server, { token: first ?? '' });
    await app.realtime.revoke({ tokenId: 'a' });
    expect(await client.closed).to.deep.equal(REVOKED);
    const other = await openClient(app.server, { token: second ?? '' });
    await app.realtime.revoke({ userId: 'ada', issuedBefore: iat * 1000 });
    await isOpen(other);
    await app.realtime.revoke({ userId: 'ada', issuedBefore: iat * 1000 + 1 });
    expect(await other.closed).to.deep.equal(REVOKED);
  });

  it('refuses a revoked token on the open socket, too: $auth ends in 4401', async () => {
    const app = await start();
    const at = Date.now();
    const client = await app.login(issued(7, at), V1);
    await app.realtime.revoke({ userId: 7, issuedBefore: at });
    client.send('$auth', { token: tokenOf(issued(7, at + 1)) }, 1);
    expect(await client.next('$reply')).to.deep.equal({});
    client.send('$auth', { token: tokenOf(issued(7, at - 1)) }, 2);
    expect(await client.closed).to.deep.equal(REVOKED);
  });

  it('keeps to a tenant, and reaches all of them only when asked to', async () => {
    const app = await start({ multiTenant: true });
    const issuedBefore = Date.now() + 1000;
    const login = (tenantId: number): Promise<TestClient> => app.login({ id: 7, tenantId, tokenId: `t${tenantId}` });
    const [one, two, three, four] = [await login(1), await login(2), await login(3), await login(4)] as const;
    await app.realtime.revoke({ userId: 7, issuedBefore, tenantId: 1 });
    await app.realtime.forTenant(2).revoke({ tokenId: 't2' });
    await app.realtime.forTenant(2).revoke({ tokenId: 't3' });
    expect([await one.closed, await two.closed]).to.deep.equal([REVOKED, REVOKED]);
    await isOpen(three);
    expect(await statusOf(app, { id: 7, tenantId: 1 })).to.equal(401);
    await app.realtime.revoke({ tokenId: 't3', allTenants: true });
    expect(await three.closed).to.deep.equal(REVOKED);
    await isOpen(four);
    await app.realtime.revoke({ userId: 7, issuedBefore, allTenants: true });
    expect(await four.closed).to.deep.equal(REVOKED);
    expect(await statusOf(app, { id: 7, tenantId: 5 })).to.equal(401);

    const tenantless = [{ userId: 7, issuedBefore }, { tokenId: 'a' }];
    for (const input of tenantless) expect(codeOf(() => app.realtime.revoke(input))).to.equal('ERR_REALTIME_TENANT');
    const bound = app.realtime.forTenant(1);
    for (const other of [{ tenantId: 2 }, { allTenants: true } as const]) {
      expect(codeOf(() => bound.revoke({ tokenId: 'a', ...other }))).to.equal('ERR_REALTIME_TENANT');
    }
  });

  it('is forgotten when it ends: after revocationMemoryMs, or at untilMs', async () => {
    const app = await start({ revocationMemoryMs: HOUR_MS });
    const issuedBefore = Date.now();
    await app.realtime.revoke({ userId: 7, issuedBefore });
    await app.realtime.revoke({ tokenId: 'a' }, { untilMs: Date.now() + 3 * HOUR_MS });
    Date.now = () => now() + HOUR_MS - 60_000;
    expect(await statusOf(app, { id: 7 })).to.equal(401);
    Date.now = () => now() + HOUR_MS + 60_000;
    await app.login({ id: 7 });
    expect(await statusOf(app, { id: 7, tokenId: 'a' })).to.equal(401);
    Date.now = () => now() + 3 * HOUR_MS + 60_000;
    await app.login({ id: 7, tokenId: 'a' });
  });

  it('refuses a login that was under way when it was revoked', async () => {
    const login = new SlowLogin();
    const app = await start({ authenticate: login.authenticate });
    const connecting = tryConnect(app.server, { token: tokenOf({ id: 7 }) });
    await login.begun();
    await app.realtime.revoke({ userId: 7, issuedBefore: Date.now() });
    login.release();
    expect(await connecting).to.include({ status: 401 });
  });

  it('closes a session whose renewal was under way when the new token was revoked', async () => {
    const login = new SlowLogin();
    const app = await start({ authenticate: login.authenticate });
    const connecting = app.login({ id: 7 }, V1);
    await login.begun();
    login.release();
    const client = await connecting;
    client.send('$auth', { token: tokenOf({ id: 7, tokenId: 'new' }) }, 1);
    await login.begun();
    expect(await app.realtime.revoke({ tokenId: 'new' })).to.include({ delivered: 0 });
    login.release();
    expect(await client.closed).to.deep.equal(REVOKED);
  });

  it('throws for what would revoke nothing, or something else than was meant', async () => {
    const { realtime } = await start();
    const issuedBefore = Date.now();
    const seconds = Math.floor(issuedBefore / 1000);
    const bad: unknown[] = [
      ...[null, 'a', [], {}, { userId: 7 }, { userId: 7, issuedBefore: seconds }, { userId: 7, issuedBefore: '2030' }],
      ...[{ userId: 7, issuedBefore: new Date(NaN) }, { userId: [7], issuedBefore }, { issuedBefore }],
      ...[
        { userId: null, issuedBefore },
        { userId: 7, userType: undefined, issuedBefore },
        { userId: '', issuedBefore },
      ],
      ...[{ tokenId: '' }, { tokenId: 7 }, { tokenId: undefined }, { tokenId: 'a', userId: 7 }, { tokenId: 'a', x: 1 }],
    ];
    for (const input of bad) {
      expect(
        codeOf(() => realtime.revoke(input as RevocationInput)),
        JSON.stringify(input),
      ).to.equal('ERR_REALTIME_TARGET');
    }
    for (const untilMs of [0, seconds, issuedBefore - 1, NaN, Infinity]) {
      expect(codeOf(() => realtime.revoke({ tokenId: 'a' }, { untilMs }))).to.equal('ERR_REALTIME_TARGET');
    }
    expect(codeOf(() => realtime.revoke({ tokenId: 'a', tenantId: 1 }))).to.equal('ERR_REALTIME_TENANT');
  });

  it('gives up the oldest above its bound, and says so once', () => {
    const faults: unknown[] = [];
    const revocations = new Revocations(new Hub(), (fault) => faults.push(fault), 2);
    for (const tokenId of ['a', 'b', 'a', 'c', 'd']) {
      revocations.apply([{ kind: 'token', scope: { tenant: '' }, tokenId, untilMs: Date.now() + HOUR_MS }]);
    }
    const isRevoked = (tokenId: string): boolean => revocations.isRevoked({ id: 7, userType: 0, tokenId });
    expect(['a', 'b', 'c', 'd'].filter(isRevoked)).to.deep.equal(['c', 'd']);
    expect(faults).to.have.length(1);
  });

  it('drops what has ended when more comes', () => {
    const revocations = new Revocations(new Hub(), () => undefined);
    const add = (tokenId: string): number =>
      revocations.apply([{ kind: 'token', scope: { tenant: '' }, tokenId, untilMs: Date.now() + HOUR_MS }]);
    for (let each = 0; each < 100; each += 1) add(`t${each}`);
    Date.now = () => now() + 2 * HOUR_MS;
    add('new');
    expect(revocations.size).to.equal(1);
  });

  it('throws at attach for a memory that is no span', async () => {
    for (const revocationMemoryMs of [0, -1, 1.5, Infinity]) {
      const error = await rejection(start({ revocationMemoryMs }));
      expect(error.message).to.contain('option revocationMemoryMs must be whole milliseconds');
    }
    await start({ revocationMemoryMs: 365 * 24 * HOUR_MS });
  });

  it('keeps the stricter of two for one user', async () => {
    const app = await start();
    const at = Date.now();
    await app.realtime.revoke({ userId: 7, issuedBefore: at });
    await app.realtime.revoke({ userId: 7, issuedBefore: at - HOUR_MS });
    expect(await statusOf(app, issued(7, at - 1))).to.equal(401);
  });
});

describe('sender.revoke on several nodes', () => {
  it('closes at once on all, and each refuses from then on', async () => {
    const { bus, nodes } = await startNodes(3);
    const clients = await Promise.all(nodes.map((node) => node.login({ id: 7, tokenId: 'a' })));
    const [a] = nodes as [AppServer];
    expect(await a.realtime.revoke({ tokenId: 'a' })).to.include({ delivered: 1, relay: 'accepted' });
    for (const client of clients) expect(await client.closed).to.deep.equal(REVOKED);
    const issuedBefore = Date.now();
    await a.realtime.revoke({ userId: 7, issuedBefore });
    await bus.settled();
    for (const node of nodes) {
      expect(await statusOf(node, { id: 8, tokenId: 'a' })).to.equal(401);
      expect(await statusOf(node, issued(7, issuedBefore - 1))).to.equal(401);
      await node.login(issued(7, issuedBefore));
    }
  });

  it('is known to a node that starts later, before it is ready, however much there is', async () => {
    const { bus, nodes, startOne } = await startNodes(1);
    const [a] = nodes as [AppServer];
    const revoking = Array.from({ length: 2500 }, (_each, index) => a.realtime.revoke({ tokenId: `t${index}` }));
    await Promise.all(revoking);
    const late = await startOne();
    await late.realtime.ready;
    for (const tokenId of ['t0', 't1700', 't2499']) expect(await statusOf(late, { id: 7, tokenId })).to.equal(401);
    await late.login({ id: 7, tokenId: 't2500' });
    const answers = bus.published.filter(({ bytes }) => bytes.includes('"kind":"answer"'));
    expect(answers.map(({ bytes }) => bytes.includes('"parts":3'))).to.deep.equal([true, true, true]);
    expect(answers.every(({ bytes }) => bytes.length < 256 * 1024)).to.equal(true);
  });

  it('closes what a node that starts had let in before it knew', async () => {
    const { bus, nodes, startOne } = await startNodes(1);
    const [a] = nodes as [AppServer];
    await a.realtime.revoke({ tokenId: 'a' });
    bus.hang();
    const late = await startOne();
    const client = await late.login({ id: 7, tokenId: 'a' });
    bus.resume();
    expect(await client.closed).to.deep.equal(REVOKED);
  });

  it('rejects while the broker is away: applied here, and told to the others when it is back', async () => {
    const { bus, nodes } = await startNodes(2);
    const [a, b] = nodes as [AppServer, AppServer];
    const here = await a.login({ id: 7 });
    const there = await b.login({ id: 7 });
    bus.down();
    const error = await rejection(a.realtime.revoke({ userId: 7, issuedBefore: Date.now() }));
    expect(error).to.be.instanceOf(RelayError).and.to.include({ code: 'ERR_REALTIME_BROKER' });
    expect(error.message).to.contain('applied in this process alone');
    expect((error as RelayError).receipt).to.include({ delivered: 1, relay: 'none' });
    expect(await here.closed).to.deep.equal(REVOKED);
    expect(await statusOf(a, { id: 7 })).to.equal(401);
    await isOpen(there);
    bus.up();
    expect(await there.closed).to.deep.equal(REVOKED);
  });

  it('is possible from a process without sockets', async () => {
    const { bus, nodes } = await startNodes(1);
    const client = await (nodes[0] as AppServer).login({ id: 7 });
    const worker = createSender({ name: 'shop', broker: bus.broker() });
    closeAfterTest(() => worker.close());
    const receipt = await worker.revoke({ userId: 7, issuedBefore: Date.now() });
    expect(receipt).to.include({ delivered: 0, relay: 'accepted' });
    expect(await client.closed).to.deep.equal(REVOKED);
  });

  it('is not for the sender of a guest, and what others revoked is known to a node that starts after such a try', async () => {
    const { nodes, startOne } = await startNodes(1, { multiTenant: true, anonymous: true });
    const [a] = nodes as [AppServer];
    await a.login(null);
    const [guest] = a.realtime.hub.list();
    if (guest === undefined) throw new Error('the guest has no session');
    for (const input of [{ tokenId: 'b' }, { userId: 7, issuedBefore: Date.now() }]) {
      expect(() => guest.sender.revoke(input))
        .to.throw('guests have no login to revoke')
        .with.property('code', 'ERR_REALTIME_TENANT');
    }
    await a.realtime.revoke({ tokenId: 'a', allTenants: true });
    const late = await startOne();
    await late.realtime.ready;
    expect(await statusOf(late, { id: 7, tenantId: 1, tokenId: 'a' })).to.equal(401);
    expect(late.realtime.health().counters.dropped.malformed).to.equal(0);
  });

  it('is learned from an answer of which one entry does not fit: that one is passed over, and counted', async () => {
    const { bus, nodes } = await startNodes(1);
    const [a] = nodes as [AppServer];
    const client = await a.login({ id: 7, tokenId: 'a' });
    const good = { kind: 'token', scope: { tenant: '' }, tokenId: 'a', untilMs: Date.now() + HOUR_MS };
    const answer = JSON.stringify([{ ...good, scope: 'guests' }, null, good]);
    bus.inject(frame('answer', answer, 1, a));
    expect(await client.closed).to.deep.equal(REVOKED);
    bus.inject(frame('answer', '{}', 2, a));
    await bus.settled();
    expect(a.realtime.health().counters.dropped.malformed).to.equal(2);
  });

  it('takes nothing from the broker that is not whole and right', async () => {
    const { bus, nodes } = await startNodes(1);
    const [a] = nodes as [AppServer];
    const client = await a.login({ id: 7, tokenId: 'a', expiresAtMs: Date.now() + HOUR_MS }, V1);
    await client.next('$hello');
    const [session] = a.realtime.hub.list();
    const before = session?.loginUser;
    const untilMs = Date.now() + HOUR_MS;
    const good = { kind: 'token', scope: { tenant: '' }, tokenId: 'other', untilMs };
    const user = { ...good, kind: 'user', userType: '0', id: '7', issuedBeforeMs: Date.now() };
    const renewal = { sessionId: session?.id, tenant: '', userType: '0', userId: '7', expiresAtMs: untilMs * 2 };
    const forged: [kind: string, content: unknown][] = [
      ...[{}, 'x', [good, { ...good, tokenId: 1 }], [{ ...good, tokenId: 'a', scope: 'all' }], [null]].map(asRevoke),
      ...[
        { ...user, id: 7 },
        { ...user, issuedBeforeMs: '1' },
        { ...user, scope: { tenant: 't' } },
      ].map(asEntry),
      ...[
        { ...user, untilMs: null },
        { ...user, kind: 'all' },
        { ...user, scope: undefined },
      ].map(asEntry),
      ...[null, { ...renewal, userId: 7 }, { ...renewal, tenant: 't' }, { ...renewal, expiresAtMs: '1' }].map(
        asRenewal,
      ),
      ...[
        { ...renewal, tokenId: '' },
        { ...renewal, issuedAtMs: null },
      ].map(asRenewal),
    ];
    for (const [index, [kind, content]] of forged.entries()) {
      bus.inject(frame(kind, JSON.stringify(content), index + 1, a));
    }
    bus.inject(frame('revoke', '[{', forged.length + 1, a));
    await bus.settled();
    expect(a.realtime.health().counters.dropped.malformed).to.equal(forged.length + 1);
    await isOpen(client);
    expect(session?.loginUser).to.equal(before);
    await a.login({ id: 8, tokenId: 'other' });
    bus.inject(frame('revoke', JSON.stringify([user]), forged.length + 2, a));
    expect(await client.closed).to.deep.equal(REVOKED);
  });
});

describeWithServer('sender.revoke over Redis', missingRedis(), function (this: Suite) {
  this.timeout(20_000);

  it('closes on the other node, and is known to one that starts later', async () => {
    const redis = await startRedis();
    closeAfterTest(() => redis.stop());
    const startOne = async (): Promise<AppServer> => {
      const app = await start({ name: 'shop', broker: redisBroker({ url: redis.url }) });
      await app.realtime.ready;
      return app;
    };
    const [a, b] = [await startOne(), await startOne()];
    const client = await b.login({ id: 7 });
    expect(await a.realtime.revoke({ userId: 7, issuedBefore: Date.now() })).to.include({ relay: 'accepted' });
    expect(await client.closed).to.deep.equal(REVOKED);
    await a.realtime.close();
    expect(await statusOf(await startOne(), { id: 7 })).to.equal(401);
  });
});

const asRevoke = (content: unknown): [string, unknown] => ['revoke', content];
const asEntry = (entry: unknown): [string, unknown] => ['revoke', [entry]];
const asRenewal = (content: unknown): [string, unknown] => ['renew', content];

/** A frame as anybody can put it on the broker. */
function frame(kind: string, content: string, seq: number, { realtime }: AppServer): Buffer {
  const to = kind === 'renew' ? { to: realtime.health().node } : {};
  return forgedBatch({ node: 'forger', ...to, seq }, [{ kind, scope: { tenant: '' }, id: 'x', parts: 1 }, content]);
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
  return undefined;
}
