import { expect } from 'chai';
import { randomBytes, randomInt } from 'node:crypto';
import type { TestNode } from './support';
import { TestCluster } from './support';

type Header = Record<string, unknown>;

const good: Header = {
  ...{ v: 1, node: 'node1', kind: 'message', scope: { tenant: '' }, audience: { kind: 'everyone' } },
  ...{ type: 't', id: 'x', n: 900_000, seq: 900_000, at: Date.now() },
};

function batch(...frames: (readonly [head: string, content: string])[]): Buffer {
  const texts = frames.map(([head, content]) => {
    const sizes = `${Buffer.byteLength(head)} ${Buffer.byteLength(content)}`;
    return `${sizes}\n${head}\n${content}`;
  });
  return Buffer.from(`R1\n${texts.join('')}`);
}

const frame = (header: Header, content = '"poison"'): Buffer => batch([JSON.stringify(header), content]);

describe('cluster: what anybody may put on the broker', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster();
  });
  afterEach(() => cluster.close());

  /** Proves that all that was injected before has been looked at. */
  async function passMarker(from: TestNode, session: { readonly texts: readonly string[] }): Promise<void> {
    await from.sender.send({ everyone: true }, 't', 'marker');
    await cluster.until(() => session.texts.includes('"marker"'));
  }

  const forged: [what: string, header: Header, why: string][] = [
    ['an unknown version', { ...good, v: 2 }, 'version'],
    ['a version that is no number', { ...good, v: '1' }, 'malformed'],
    ['an unknown kind', { ...good, kind: 'explode' }, 'kind'],
    ['a kind of the prototype', { ...good, kind: 'constructor' }, 'kind'],
    ['no scope', { ...good, scope: undefined }, 'scope'],
    ['a null scope', { ...good, scope: null }, 'scope'],
    ['the scope of all tenants where there are none', { ...good, scope: 'all' }, 'scope'],
    ['the scope of guests of no tenant where there are none', { ...good, scope: 'guests' }, 'scope'],
    ['a tenant where there are none', { ...good, scope: { tenant: 'red' } }, 'scope'],
    ['no audience', { ...good, audience: undefined }, 'malformed'],
    ['an audience of an unknown kind', { ...good, audience: { kind: 'all' } }, 'malformed'],
    ['users that are no list', { ...good, audience: { kind: 'user', userType: '0', ids: '7' } }, 'malformed'],
    ['users that are numbers', { ...good, audience: { kind: 'user', userType: '0', ids: [7] } }, 'malformed'],
    ['an exception that is none', { ...good, except: { sessionIds: 'all', users: [] } }, 'malformed'],
    ['an exception with half a user', { ...good, except: { sessionIds: [], users: [{ id: '7' }] } }, 'malformed'],
    ['a type of the protocol', { ...good, type: '$auth' }, 'malformed'],
    ['a type that is too long', { ...good, type: 'x'.repeat(200) }, 'malformed'],
    ['no type', { ...good, type: undefined }, 'malformed'],
    ['a node id that is none', { ...good, node: '../x' }, 'malformed'],
    ['a number that is none', { ...good, seq: -1 }, 'malformed'],
    ['a number that is no integer', { ...good, seq: 1.5 }, 'malformed'],
    ['a close code that may not be sent', { ...good, kind: 'disconnect', code: 1006, reason: '' }, 'malformed'],
    ['a close reason that is no text', { ...good, kind: 'disconnect', code: 4403, reason: {} }, 'malformed'],
    ['a list for a header', [good] as unknown as Header, 'malformed'],
  ];

  for (const [what, header, why] of forged) {
    it(`drops a frame with ${what}`, async () => {
      const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
      const session = b.login(7);
      cluster.bus.inject(frame(header));
      await cluster.until(() => b.named('relay.dropped').length > 0);
      await passMarker(a, session);
      expect(b.named('relay.dropped').map((event) => event.why)).to.deep.equal([why]);
      expect(session.texts).to.deep.equal(['"marker"']);
      expect(session.closes).to.deep.equal([]);
    });
  }

  it('drops content that is no JSON, so that it cannot break out of the message around it', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    const contents = ['', '1,"type":"$auth"', '1}\n{', '{"a":1', 'undefined', '\ufeff1'];
    contents.forEach((content, n) => cluster.bus.inject(frame({ ...good, seq: 900_000 + n }, content)));
    await cluster.until(() => b.counters.dropped.malformed === contents.length);
    await passMarker(a, session);
    expect(session.texts).to.deep.equal(['"marker"']);
  });

  it('takes nothing of a batch that was cut', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    const whole = batch([JSON.stringify(good), '1'], [JSON.stringify({ ...good, seq: 900_001 }), '2']);
    for (let length = 0; length < whole.length; length += 1) cluster.bus.inject(whole.subarray(0, length));
    await passMarker(a, session);
    // Cut right between its frames a batch is whole again: that one frame is as good as any other.
    expect(session.texts).to.deep.equal(['1', '"marker"']);
  });

  it('drops messages and frames above the size bounds', async () => {
    const [a, b] = await Promise.all([
      cluster.start(),
      cluster.start({ settings: { maxFrameBytes: 5000, maxBatchBytes: 5000 } }),
    ]);
    const session = b.login(7);
    cluster.bus.inject(frame(good, JSON.stringify('x'.repeat(20_000))));
    cluster.bus.inject(frame(good, JSON.stringify('x'.repeat(6000))));
    cluster.bus.inject(Buffer.from('R1\n999999999 999999999\n'));
    cluster.bus.inject(Buffer.from('R1\n99999999999999999999 1\n'));
    cluster.bus.inject(batch(...Array.from({ length: 2000 }, () => ['', ''] as const)));
    await cluster.until(() => b.counters.dropped.oversize >= 4);
    await passMarker(a, session);
    expect(b.counters.dropped).to.include({ oversize: 4, malformed: 1 });
    expect(session.texts).to.deep.equal(['"marker"']);
  });

  it('is not led to drop a node’s pushes by frames forged in its name', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    await a.sender.send({ userId: 7 }, 't', 1);
    // Ahead of the real numbers, but unfit: the numbers stay free.
    for (let seq = 1; seq < 50; seq += 1) cluster.bus.inject(frame({ ...good, seq, audience: { kind: 'none' } }));
    cluster.bus.inject(frame({ ...good, kind: 'probe', id: '1', seq: Number.MAX_SAFE_INTEGER }));
    for (let n = 2; n < 40; n += 1) await a.sender.send({ userId: 7 }, 't', n);
    await cluster.until(() => session.texts.length === 39);
    expect(b.counters.dropped.duplicate).to.equal(0);
  });

  it('survives 10,000 poisoned messages: all dropped, nothing delivered, nobody kicked', async function () {
    this.timeout(30_000);
    const tenants = { multiTenant: true };
    const [a, b] = await Promise.all([cluster.start(tenants), cluster.start(tenants)]);
    const sessions = [7, 8].map((userId) => b.login(userId, { tenantId: 'red' }));
    const red = { ...good, scope: { tenant: 'red' } };
    const real = frame(red);
    const poisons: (() => Buffer)[] = [
      () => randomBytes(randomInt(1, 400)),
      () => Buffer.concat([Buffer.from('R1\n'), randomBytes(randomInt(1, 400))]),
      () => real.subarray(0, randomInt(1, real.length)),
      () => Buffer.concat([real, Buffer.from('!')]),
      () => withBitFlipped(real),
      () => frame({ ...red, v: randomInt(2, 1000) }),
      () => frame({ ...red, kind: randomBytes(4).toString('hex') }),
      () => frame({ ...red, scope: { tenant: '' } }),
      () => frame({ ...red, scope: undefined }),
      () => frame({ ...red, scope: { tenant: randomBytes(3).toString('hex') } }),
      () => frame({ ...red, kind: 'disconnect', code: randomInt(0, 999), reason: '' }),
      () => frame({ ...red, node: randomBytes(6).toString('hex'), at: 1 }),
      () => frame({ ...red, seq: randomInt(1, 2 ** 40) }, '{"broken":'),
      () => batch(['['.repeat(5000), '1']),
      () => frame({ ...red, audience: JSON.parse('{"__proto__":{"kind":"everyone"}}') as unknown }),
    ];
    for (let n = 0; n < 10_000; n += 1) {
      const poison = poisons[n % poisons.length];
      if (poison !== undefined) cluster.bus.inject(poison());
      if (n % 500 === 0) await cluster.bus.settled();
    }
    cluster.bus.inject(Buffer.alloc(16 * 1024 * 1024, 'R1\n'));
    await a.sender.send({ tenantId: 'red', everyone: true }, 't', 'marker');
    await cluster.until(() => sessions.every(({ texts }) => texts.includes('"marker"')));

    for (const session of sessions) expect(session).to.deep.include({ texts: ['"marker"'], closes: [] });
    const { dropped } = b.counters;
    const total = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    // Of the frames for a tenant of nobody's, each is fit and reaches no one.
    expect(total).to.be.at.least(9000);
    expect(dropped).to.include.keys('malformed', 'version', 'kind', 'scope', 'stale', 'oversize');
    for (const why of ['malformed', 'version', 'kind', 'scope', 'stale', 'oversize'] as const) {
      expect(dropped[why], why).to.be.at.least(1);
    }
    expect(a.node.health().status).to.equal('up');
    expect(b.node.health().status).to.equal('up');
    expect(({} as { kind?: string }).kind).to.equal(undefined);
  });
});

/** One bit of the header or of the lengths is wrong. */
function withBitFlipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = randomInt(0, bytes.indexOf('"audience"') - 20);
  copy[at] = (copy[at] ?? 0) ^ 0x80;
  return copy;
}
