import { expect } from 'chai';
import { randomBytes, randomInt } from 'node:crypto';
import type { TestNode } from './support';
import type { ForgedHeader } from './forged-batch';
import { TestCluster } from './support';
import { forgedBatch } from './forged-batch';

type Fields = Record<string, unknown>;

const good: Fields = {
  ...{ kind: 'message', scope: { tenant: '' }, audience: { kind: 'everyone' } },
  ...{ type: 't', id: 'x' },
};

const frame = (fields: unknown, header: ForgedHeader = {}, content = '"poison"'): Buffer =>
  forgedBatch(header, [fields, content]);

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

  const batches: [what: string, bytes: Buffer, why: string][] = [
    ['an unknown version', frame(good, { version: 'R2' }), 'version'],
    ['a version that is no number', frame(good, { version: 'Rx' }), 'malformed'],
    ['a node id that is none', frame(good, { node: '../x' }), 'malformed'],
    ['a receiver that is none', frame(good, { to: '/' }), 'malformed'],
    ['a number that is none', frame(good, { seq: -1 }), 'malformed'],
    ['a number that is no integer', frame(good, { seq: 1.5 }), 'malformed'],
    ['numbers that end beyond all numbers', frame(good, { seq: Number.MAX_SAFE_INTEGER }), 'malformed'],
    ['no time', frame(good, { at: null }), 'malformed'],
    ['no frames', forgedBatch({}), 'malformed'],
    ['frames that are no list', frame(good, { frames: { length: 1, 0: good } }), 'malformed'],
    ['more lengths than frames', frame(good, { bytes: [8, 0] }), 'malformed'],
    ['lengths that are no numbers', frame(good, { bytes: ['8'] }), 'malformed'],
    ['a negative length', forgedBatch({ bytes: [-1, 17] }, [good, '"poison"'], [good, '"poison"']), 'malformed'],
    ['lengths that do not add up', frame(good, { bytes: [7] }), 'malformed'],
  ];

  for (const [what, bytes, why] of batches) {
    it(`drops a batch with ${what}`, async () => {
      const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
      const session = b.login(7);
      cluster.bus.inject(bytes);
      await cluster.until(() => b.named('relay.dropped').length > 0);
      await passMarker(a, session);
      expect(b.named('relay.dropped').map((event) => event.why)).to.deep.equal([why]);
      expect(session.texts).to.deep.equal(['"marker"']);
    });
  }

  const forged: [what: string, fields: unknown, why: string][] = [
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
    ['an id that is none', { ...good, id: 7 }, 'malformed'],
    ['an id that is too long', { ...good, id: 'x'.repeat(129) }, 'malformed'],
    ['a question whose id is too long', { ...good, kind: 'ask', id: 'x'.repeat(129) }, 'malformed'],
    ['a close code that may not be sent', { ...good, kind: 'disconnect', code: 1006, reason: '' }, 'malformed'],
    ['a close reason that is no text', { ...good, kind: 'disconnect', code: 4403, reason: {} }, 'malformed'],
    ['a list for its fields', [good], 'malformed'],
    ['null for its fields', null, 'malformed'],
  ];

  for (const [what, fields, why] of forged) {
    it(`drops a frame with ${what}, and no other of its batch`, async () => {
      const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
      const session = b.login(7);
      cluster.bus.inject(forgedBatch({}, [good, '"before"'], [fields, '"poison"'], [good, '"behind"']));
      await cluster.until(() => b.named('relay.dropped').length > 0);
      await passMarker(a, session);
      expect(b.named('relay.dropped').map((event) => event.why)).to.deep.equal([why]);
      expect(session.texts).to.deep.equal(['"before"', '"behind"', '"marker"']);
      expect(session.closes).to.deep.equal([]);
    });
  }

  it('drops content that is no JSON, so that it cannot break out of the message around it', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    const contents = ['', '1,"type":"$auth"', '1}\n{', '{"a":1', 'undefined', '\ufeff1'];
    contents.forEach((content, n) => cluster.bus.inject(frame(good, { seq: 900_000 + n }, content)));
    await cluster.until(() => b.counters.dropped.malformed === contents.length);
    await passMarker(a, session);
    expect(session.texts).to.deep.equal(['"marker"']);
  });

  it('takes nothing of a batch that was cut', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    const session = b.login(7);
    const whole = forgedBatch({}, [good, '1'], [good, '2']);
    for (let length = 0; length < whole.length; length += 1) cluster.bus.inject(whole.subarray(0, length));
    cluster.bus.inject(Buffer.concat([whole, Buffer.from('3')]));
    await passMarker(a, session);
    expect(session.texts).to.deep.equal(['"marker"']);
    cluster.bus.inject(whole);
    await cluster.until(() => session.texts.length === 3);
    expect(session.texts.slice(1)).to.deep.equal(['1', '2']);
  });

  it('drops messages and frames above the size bounds', async () => {
    const [a, b] = await Promise.all([
      cluster.start(),
      cluster.start({ settings: { maxFrameBytes: 5000, maxBatchBytes: 95_000, maxBatchFrames: 1000 } }),
    ]);
    const session = b.login(7);
    cluster.bus.inject(frame(good, {}, JSON.stringify('x'.repeat(20_000))));
    cluster.bus.inject(frame(good, {}, JSON.stringify('x'.repeat(6000))));
    cluster.bus.inject(Buffer.from('R1 node1 * 999999999\n{}\n'));
    cluster.bus.inject(Buffer.from('R1 node1 * 99999999999999999999\n{}\n'));
    cluster.bus.inject(forgedBatch({}, ...Array.from({ length: 20_000 }, () => [0, ''] as const)));
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
    for (let seq = 1; seq < 50; seq += 1) cluster.bus.inject(frame({ ...good, audience: { kind: 'none' } }, { seq }));
    cluster.bus.inject(frame({ ...good, kind: 'probe', id: '1' }, { seq: Number.MAX_SAFE_INTEGER - 1 }, ''));
    for (let n = 2; n < 40; n += 1) await a.sender.send({ userId: 7 }, 't', n);
    await cluster.until(() => session.texts.length === 39);
    expect(b.counters.dropped.duplicate).to.equal(0);
  });

  it('counts no gap where a known node sends what only newer ones understand', async () => {
    const [a, b] = await Promise.all([cluster.start(), cluster.start({ settings: { relayMaxAgeMs: 50 } })]);
    const newer = { ...good, kind: 'wave' };
    cluster.bus.inject(forgedBatch({ node: 'newer', seq: 1 }, [good, '1'], [newer, ''], [newer, ''], [good, '2']));
    cluster.bus.inject(forgedBatch({ node: 'newer', seq: 5 }, [{ ...good, scope: 0 }, ''], [{ ...good, type: 0 }, '']));
    // Number 7 never comes: once it is told missing, the others would have been.
    cluster.bus.inject(forgedBatch({ node: 'newer', seq: 8 }, [good, '3']));
    await cluster.until(() => b.named('relay.gap').length > 0);
    expect(b.named('relay.gap')).to.deep.equal([{ name: 'relay.gap', node: 'newer', missing: 1 }]);
    expect(b.counters.dropped).to.include({ kind: 2, scope: 1, malformed: 1 });
    expect(a.node.health().status).to.equal('up');
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
      () => Buffer.concat([Buffer.from('R1 node1 * 300\n'), randomBytes(randomInt(1, 400))]),
      () => real.subarray(0, randomInt(1, real.length)),
      () => Buffer.concat([real, Buffer.from('!')]),
      () => withBitFlipped(real),
      () => frame(red, { version: `R${randomInt(2, 1000)}` }),
      () => frame({ ...red, kind: randomBytes(4).toString('hex') }),
      () => frame({ ...red, scope: { tenant: '' } }),
      () => frame({ ...red, scope: undefined }),
      () => frame({ ...red, scope: { tenant: randomBytes(3).toString('hex') } }),
      () => frame({ ...red, kind: 'disconnect', code: randomInt(0, 999), reason: '' }),
      () => frame(red, { node: randomBytes(6).toString('hex'), at: 1 }),
      () => frame(red, { seq: randomInt(1, 2 ** 40) }, '{"broken":'),
      () => Buffer.from(`R1 node1 * 5000\n${'['.repeat(5000)}\n1`),
      () => frame({ ...red, audience: JSON.parse('{"__proto__":{"kind":"everyone"}}') as unknown }),
    ];
    for (let n = 0; n < 10_000; n += 1) {
      const poison = poisons[n % poisons.length];
      if (poison !== undefined) cluster.bus.inject(poison());
      if (n % 500 === 0) await cluster.bus.settled();
    }
    cluster.bus.inject(Buffer.alloc(16 * 1024 * 1024, 'R1 '));
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

/** One bit before the address is wrong. */
function withBitFlipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = randomInt(0, bytes.indexOf('"audience"') - 20);
  copy[at] = (copy[at] ?? 0) ^ 0x80;
  return copy;
}
