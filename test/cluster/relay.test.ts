import { expect } from 'chai';
import fc from 'fast-check';
import type { Addressed, Audience, Exception, Scope } from '../../lib/model/audience';
import type { RelayFrame } from '../../lib/cluster/relay-check';
import { Outgoing } from '../../lib/wire/outgoing';
import { RelayEncoder, nodeOfSession } from '../../lib/cluster/relay';
import { encodeBatch, splitBatch } from '../../lib/cluster/batch';
import { readHeader } from '../../lib/cluster/relay-check';

const limits = { maxFrameBytes: 1_000_000, maxBytes: 2_000_000, maxFrames: 1000 };

/** Any text, lone surrogates and control characters too, but not empty. */
const name = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.string({ minLength: 1, unit: 'grapheme' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 20 })
    .map((codes) => String.fromCharCode(...codes)),
);
const type = name.filter((text) => text.length <= 128 && !text.startsWith('$'));
const nodeId = fc.stringMatching(/^[\w-]{1,64}$/);
const audience: fc.Arbitrary<Audience> = fc.oneof(
  fc.constant({ kind: 'everyone' } as const),
  fc.record({ kind: fc.constant('userType' as const), userType: name }),
  fc.record({ kind: fc.constant('user' as const), userType: name, ids: fc.array(name, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('room' as const), room: name }),
  fc.record({ kind: fc.constant('session' as const), sessionId: name }),
);
const except: fc.Arbitrary<Exception> = fc.record({
  sessionIds: fc.array(name),
  users: fc.array(fc.record({ userType: name, id: name })),
});
const addressed = (scope: fc.Arbitrary<Scope>): fc.Arbitrary<Addressed> =>
  fc.record({ scope, audience, except }, { requiredKeys: ['scope', 'audience'] });
const setting = fc.boolean().chain((multiTenant) =>
  fc.record({
    multiTenant: fc.constant(multiTenant),
    addressed: addressed(
      multiTenant
        ? fc.oneof(
            fc.constant('all' as const),
            // Of guests.
            fc.constant({ tenant: '' }),
            name.map((tenant) => ({ tenant })),
          )
        : fc.constant({ tenant: '' }),
    ),
  }),
);
/** JSON text with raw line ends and any characters in it. */
const content = fc.oneof(
  fc.json(),
  fc.json().map((text) => `\n ${text}\r\n`),
  name.map((text) => JSON.stringify(text)),
);

describe('relay frames', () => {
  it('come out as they went in, whatever the ids, rooms, types and contents', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ setting, type, content, to: fc.option(nodeId, { nil: undefined }) }), {
          minLength: 1,
          maxLength: 8,
        }),
        nodeId,
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1000 }),
        (sends, node, at) => {
          let seq = 0;
          const frames = sends.map((send, index) =>
            new RelayEncoder(node, send.setting.multiTenant).message(
              send.setting.addressed,
              new Outgoing(send.type, send.content),
              `${node}-${index}`,
              at,
              send.to,
            ),
          );
          const bytes = encodeBatch(frames, () => `,"n":${(seq += 1)},"seq":${seq}}`);
          const read = framesOf(bytes, (index) => sends[index]?.setting.multiTenant ?? false);
          expect(read.map(([frame]) => frame)).to.deep.equal(
            sends.map((send, index) => ({
              ...{ node, at, seq: index + 1, to: send.to, id: `${node}-${index}` },
              ...{ kind: 'message', addressed: send.setting.addressed, type: send.type },
            })),
          );
          expect(read.map(([, text]) => text)).to.deep.equal(sends.map((send) => send.content));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('carry orders to close and signs of life', () => {
    const encoder = new RelayEncoder('a', false);
    const everyone: Addressed = { scope: { tenant: '' }, audience: { kind: 'everyone' } };
    const frames = [
      encoder.disconnect(everyone, { code: 4403, reason: 'weg: "é"' }, 'a-1', 5, undefined),
      encoder.sign('probe', '3', 6, 'a'),
    ];
    let seq = 0;
    const bytes = encodeBatch(frames, () => `,"n":1,"seq":${(seq += 1)}}`);
    const common = { node: 'a' };
    expect(framesOf(bytes, () => false).map(([frame]) => frame)).to.deep.equal([
      {
        ...{ ...common, kind: 'disconnect', seq: 1, at: 5, to: undefined, id: 'a-1', addressed: everyone },
        close: { code: 4403, reason: 'weg: "é"' },
      },
      { ...common, kind: 'probe', seq: 2, at: 6, to: 'a', id: '3' },
    ]);
  });

  it('are refused, never thrown at, when bytes are arbitrary', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (array, hasLead) => {
        const bytes = Buffer.concat([Buffer.from(hasLead ? 'R1\n' : ''), array]);
        const slices = splitBatch(bytes, limits);
        if (typeof slices === 'string') return;
        for (const { headFrom, headTo } of slices)
          expect(readHeader(bytes, headFrom, headTo, false)).to.have.property('why');
      }),
      { numRuns: 400 },
    );
  });

  it('are refused, never thrown at, when the header is any JSON at all', () => {
    const field = fc.jsonValue();
    const keys = ['v', 'node', 'kind', 'n', 'seq', 'at', 'to', 'id', 'scope', 'audience', 'except', 'type', 'code'];
    const header = fc.record(Object.fromEntries(keys.map((key) => [key, field])), { requiredKeys: [] });
    const likely = header.map((fields) => ({
      v: 1,
      node: 'a',
      n: 1,
      seq: 1,
      at: 1,
      id: '',
      kind: 'message',
      ...fields,
    }));
    fc.assert(
      fc.property(fc.oneof(header, likely, field), fc.boolean(), (value, multiTenant) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const read = readHeader(bytes, 0, bytes.length, multiTenant);
        if ('why' in read) return;
        // What passes is only what the fields say it is.
        expect(read.seq).to.be.a('number');
        if (read.kind !== 'message') return;
        const { scope } = read.addressed;
        expect(scope === 'all' || (scope.tenant !== '') === multiTenant).to.equal(true);
      }),
      { numRuns: 400 },
    );
  });

  it('find the node in a session id, and none where none can be', () => {
    expect(nodeOfSession('a_B-9.xyz')).to.equal('a_B-9');
    for (const id of ['', '.', 'abc', '.abc', 'a b.c', 'ä.c', `${'x'.repeat(65)}.c`]) {
      expect(nodeOfSession(id), id).to.equal(undefined);
    }
  });
});

function framesOf(bytes: Buffer, isMultiTenant: (index: number) => boolean): [RelayFrame, string][] {
  const slices = splitBatch(bytes, limits);
  if (typeof slices === 'string') throw new Error(slices);
  return slices.map(({ headFrom, headTo, contentFrom, contentTo }, index) => {
    const frame = readHeader(bytes, headFrom, headTo, isMultiTenant(index));
    if ('why' in frame) throw new Error(frame.why);
    return [frame, bytes.toString('utf8', contentFrom, contentTo)];
  });
}
