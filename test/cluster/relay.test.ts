import { expect } from 'chai';
import fc from 'fast-check';
import type { Addressed, Audience, Exception, Scope } from '../../lib/model/audience';
import type { RelayFrame } from '../../lib/cluster/relay-check';
import { Outgoing } from '../../lib/wire/outgoing';
import { forgedBatch } from './forged-batch';
import { RelayEncoder, nodeOfSession } from '../../lib/cluster/relay';
import { encodeBatch, readBatch, readLead } from '../../lib/cluster/batch';
import { readFrame } from '../../lib/cluster/relay-check';

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
const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1000 });
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
        fc.array(fc.record({ setting, type, content }), { minLength: 1, maxLength: 8 }),
        fc.record({ node: nodeId, to: fc.option(nodeId, { nil: undefined }), at: number, seq: number }),
        (sends, origin) => {
          const { node, to, at, seq } = origin;
          const frames = sends.map((send, index) =>
            new RelayEncoder(send.setting.multiTenant).message(
              send.setting.addressed,
              new Outgoing(send.type, send.content),
              `${node}-${index}`,
            ),
          );
          const read = framesOf(
            encodeBatch({ ...origin, frames }),
            (index) => sends[index]?.setting.multiTenant ?? false,
          );
          expect(read.map(([frame]) => frame)).to.deep.equal(
            sends.map((send, index) => ({
              ...{ node, to, at, seq: seq + index, id: `${node}-${index}` },
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
    const encoder = new RelayEncoder(false);
    const everyone: Addressed = { scope: { tenant: '' }, audience: { kind: 'everyone' } };
    const frames = [
      encoder.disconnect(everyone, { code: 4403, reason: 'weg: "é"' }, 'a-1'),
      encoder.sign('probe', '3'),
    ];
    const origin = { node: 'a', to: 'b', at: 5 };
    const bytes = encodeBatch({ ...origin, seq: 1, frames });
    expect(framesOf(bytes, () => false).map(([frame]) => frame)).to.deep.equal([
      {
        ...{ ...origin, kind: 'disconnect', seq: 1, id: 'a-1', addressed: everyone },
        close: { code: 4403, reason: 'weg: "é"' },
      },
      { ...origin, kind: 'probe', seq: 2, id: '3' },
    ]);
  });

  it('are refused, never thrown at, when bytes are arbitrary', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('', 'R1 ', 'R1 a * 5\n', 'R1 a b 0\n'),
        (array, start) => {
          const bytes = Buffer.concat([Buffer.from(start), array]);
          const lead = readLead(bytes, limits.maxBytes);
          if (typeof lead !== 'string') expect(readBatch(bytes, lead, limits)).to.be.a('string');
        },
      ),
      { numRuns: 400 },
    );
  });

  it('are refused, never thrown at, when header and frames are any JSON at all', () => {
    const field = fc.jsonValue();
    const anyOf = (...keys: string[]) =>
      fc.record(Object.fromEntries(keys.map((key) => [key, field])), { requiredKeys: [] });
    const frame = fc.oneof(
      field,
      anyOf('kind', 'id', 'scope', 'audience', 'except', 'type', 'code').map((fields) => ({
        ...{ id: '', kind: 'message' },
        ...fields,
      })),
    );
    const header = fc.record({
      frames: fc.array(frame, { maxLength: 3 }),
      others: fc.oneof(fc.constant({}), anyOf('n', 'seq', 'at', 'bytes', 'frames')),
    });
    fc.assert(
      fc.property(header, fc.boolean(), ({ frames, others }, multiTenant) => {
        const bytes = forgedBatch(others, ...frames.map((each) => [each, '1'] as const));
        const lead = readLead(bytes, limits.maxBytes);
        if (typeof lead === 'string') throw new Error(lead);
        const batch = readBatch(bytes, lead, limits);
        if (typeof batch === 'string') return;
        for (const each of batch.frames) {
          const read = readFrame(each, { ...lead, seq: batch.seq, at: batch.at }, multiTenant);
          // What passes is only what the fields say it is.
          if (typeof read === 'string' || read.kind !== 'message') continue;
          const { scope } = read.addressed;
          const isOfGuests = scope !== 'all' && scope.tenant === '';
          expect(multiTenant || isOfGuests).to.equal(true);
        }
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
  const lead = readLead(bytes, limits.maxBytes);
  if (typeof lead === 'string') throw new Error(lead);
  const batch = readBatch(bytes, lead, limits);
  if (typeof batch === 'string') throw new Error(batch);
  const { node, to } = lead;
  let end = batch.contentsFrom;
  return batch.frames.map((fields, index) => {
    const frame = readFrame(fields, { node, to, seq: batch.seq + index, at: batch.at }, isMultiTenant(index));
    if (typeof frame === 'string') throw new Error(frame);
    const from = end;
    end += batch.sizes[index] ?? 0;
    return [frame, bytes.toString('utf8', from, end)];
  });
}
