import { expect } from 'chai';
import { TestCluster } from './support';

describe('cluster: pushes between nodes', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });
  afterEach(() => cluster.close());

  it('reaches a user on every node, each socket once', async () => {
    const nodes = await Promise.all([cluster.start(), cluster.start(), cluster.start()]);
    const sessions = nodes.map((node) => node.login(7));
    const other = nodes[2].login(8);

    const receipt = await nodes[0].sender.send({ userId: 7 }, 'news', { n: 1 });
    await cluster.until(() => sessions.every(({ texts }) => texts.length > 0));
    await nodes[1].sender.send({ userId: 7 }, 'news', 'marker');
    await cluster.until(() => sessions.every(({ texts }) => texts.includes('"marker"')));

    expect(receipt).to.include({ delivered: 1, relay: 'accepted' });
    expect(sessions.map(({ texts }) => texts)).to.deep.equal(Array(3).fill(['{"n":1}', '"marker"']));
    expect(other.texts).to.deep.equal([]);
  });

  it('keeps the order of a sender, in one tick and while publishes are under way', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 50; n += 1) void a.sender.send({ everyone: true }, 'n', round * 50 + n);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await cluster.until(() => session.texts.length === 1000);
    expect(session.texts).to.deep.equal(Array.from({ length: 1000 }, (_, n) => String(n)));
  });

  it('reaches rooms, user types and everyone on other nodes, and leaves out whom it is told to', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const admin = b.login(1, { userType: 2, rooms: ['lobby'] });
    const member = b.login(7, { rooms: ['lobby'] });

    await a.sender.send({ room: 'lobby' }, 't', 'room');
    await a.sender.send({ userType: 2 }, 't', 'admins');
    await a.sender.send({ everyone: true, except: { userId: 7 } }, 't', 'but 7');
    await a.sender.send({ everyone: true, except: admin.id }, 't', 'but the admin');
    await cluster.until(() => member.texts.includes('"but the admin"'));

    expect(admin.texts).to.deep.equal(['"room"', '"admins"', '"but 7"']);
    expect(member.texts).to.deep.equal(['"room"', '"but the admin"']);
  });

  it('sends to a session as one message to its node, and nothing for one of its own', async () => {
    const [a, b, c] = await Promise.all([cluster.start(), cluster.start(), cluster.start()]);
    const there = b.login(7);
    const here = a.login(7);
    const before = cluster.bus.published.length;

    const receipt = await a.sender.send({ sessionId: there.id }, 't', 1);
    const own = await a.sender.send({ sessionId: here.id }, 't', 2);
    await cluster.until(() => there.texts.length === 1);

    const sent = cluster.bus.published.slice(before).filter(({ bytes }) => bytes.includes('"kind":"message"'));
    expect(sent.map(({ to }) => to)).to.deep.equal([[b.node.nodeId]]);
    expect(receipt).to.include({ delivered: 0, relay: 'accepted' });
    expect(own).to.include({ delivered: 1, relay: 'none' });
    expect(c.counters.received).to.equal(0);
  });

  it('sends to a session of a node that it never heard of, and to no node for an id that is none', async () => {
    const a = await cluster.start();
    const before = cluster.bus.published.length;
    const unheard = await a.sender.send({ sessionId: 'elsewhere.abc' }, 't', 1);
    const impossible = await a.sender.send({ sessionId: 'no node at all' }, 't', 1);
    const nobody = await a.sender.send({ userId: [] }, 't', 1);
    const sent = cluster.bus.published.slice(before).filter(({ bytes }) => bytes.includes('"kind":"message"'));
    expect(sent.map(({ to }) => to)).to.deep.equal([['elsewhere']]);
    expect([unheard, impossible, nobody].map(({ relay }) => relay)).to.deep.equal(['accepted', 'none', 'none']);
  });

  it('closes sessions of a target on all nodes with the code and reason given', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const sessions = [a.login(7), b.login(7)];
    const other = b.login(8);
    const receipt = await a.sender.disconnect({ userId: 7 }, { code: 4401, reason: 'logged out' });
    await cluster.until(() => sessions.every(({ closes }) => closes.length > 0));
    expect(receipt.delivered).to.equal(1);
    expect(sessions.map(({ closes }) => closes)).to.deep.equal(Array(2).fill([{ code: 4401, reason: 'logged out' }]));
    expect(other.closes).to.deep.equal([]);
  });

  it('never delivers what a node published to that node again', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const own = a.login(7);
    await a.sender.send({ userId: 7 }, 't', 1);
    await b.sender.send({ userId: 7 }, 't', 'marker');
    await cluster.until(() => own.texts.includes('"marker"'));
    expect(own.texts).to.deep.equal(['1', '"marker"']);
  });

  it('keeps tenants apart on the other node as here', async () => {
    const [a, b] = await Promise.all([cluster.start({ multiTenant: true }), cluster.start({ multiTenant: true })]);
    const red = b.login(7, { tenantId: 'red', rooms: ['lobby'] });
    const blue = b.login(7, { tenantId: 'blue', rooms: ['lobby'] });
    await a.sender.send({ tenantId: 'red', userId: 7 }, 't', 1);
    await a.sender.send({ tenantId: 'red', room: 'lobby' }, 't', 2);
    await a.sender.send({ tenantId: 'red', sessionId: blue.id }, 't', 3);
    await a.sender.send({ allTenants: true, everyone: true }, 't', 4);
    await cluster.until(() => red.texts.length >= 3 && blue.texts.length >= 1);
    await a.sender.send({ tenantId: 'blue', sessionId: blue.id }, 't', 5);
    await cluster.until(() => blue.texts.includes('5'));
    expect(red.texts).to.deep.equal(['1', '2', '4']);
    expect(blue.texts).to.deep.equal(['4', '5']);
  });

  it('drops the frames of a node with another multiTenant setting, and reports it once', async () => {
    const [plain, tenants] = await Promise.all([cluster.start(), cluster.start({ multiTenant: true })]);
    const here = plain.login(7);
    const there = tenants.login(7, { tenantId: 'red' });
    await plain.sender.send({ everyone: true }, 't', 1);
    await tenants.sender.send({ allTenants: true, everyone: true }, 't', 2);
    await tenants.sender.send({ tenantId: 'red', everyone: true }, 't', 3);
    await cluster.until(() => plain.errors.length > 0 && tenants.errors.length > 0);
    await cluster.until(() => plain.counters.dropped.scope >= 3 && tenants.counters.dropped.scope >= 2);
    expect(here.texts).to.deep.equal(['1']);
    expect(there.texts).to.deep.equal(['2', '3']);
    expect([...plain.errors, ...tenants.errors].map((error) => (error as { code: string }).code)).to.deep.equal([
      'ERR_REALTIME_TENANT',
      'ERR_REALTIME_TENANT',
    ]);
    expect(plain.named('relay.dropped')[0]).to.include({ why: 'scope', node: tenants.node.nodeId });
  });

  it('does not hear another application on the same broker', async () => {
    const [shop, bank] = await Promise.all([cluster.start(), cluster.start({ name: 'bank' })]);
    const session = bank.login(7);
    await shop.sender.send({ everyone: true }, 't', 1);
    await cluster.bus.settled();
    expect(session.texts).to.deep.equal([]);
    expect(bank.counters.peers).to.equal(0);
  });

  it('carries content and type verbatim: escapes, line ends, emoji, lone surrogates', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7, { rooms: ['räume\n"{🚪'] });
    const text = '{ "a" :\n"\\u0000 ü 🚀 \\ud800",\r\n"b": [1e3]}';
    await a.sender.sendText({ room: 'räume\n"{🚪' }, 'typ "é"\n', text);
    await a.sender.send({ room: 'räume\n"{🚪' }, 't', '\ud800x');
    await cluster.until(() => session.texts.length === 2);
    // Half a surrogate pair is no text that UTF-8 can carry: it is replaced, and costs its neighbours nothing.
    await Promise.all([
      a.sender.sendText({ room: 'räume\n"{🚪' }, 't', '"\udc00 ü \ud800"'),
      a.sender.send({ room: 'räume\n"{🚪' }, 't', 'neighbour'),
    ]);
    await cluster.until(() => session.texts.length === 4);
    expect(session.texts).to.deep.equal([text, '"\\ud800x"', '"\ufffd ü \ufffd"', '"neighbour"']);
  });
});
