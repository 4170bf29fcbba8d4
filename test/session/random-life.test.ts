import { expect } from 'chai';
import fc from 'fast-check';
import type { Target } from '../../lib/index';
import type { AnySession, TestClient, TestServer } from './support';
import { idsOf, startServer, stopServers } from './support';

const TENANTS = ['a', 'b'];
const IDS = [1, 2, '3'];
const TYPES = [0, 'admin'];
const ROOMS = ['r', 'q', '__proto__'];

/** What a session is in, kept by hand beside the real one. */
interface Entry {
  readonly client: TestClient;
  readonly tenantId: string;
  readonly id: string;
  readonly userType: string;
  readonly rooms: Set<string>;
  readonly wanted: unknown[];
}

type Step =
  | { readonly do: 'open'; readonly tenantId: string; readonly id: string | number; readonly userType: string | number }
  | { readonly do: 'join' | 'leave'; readonly nth: number; readonly room: string }
  | { readonly do: 'close'; readonly nth: number; readonly by: 'peer' | 'line' | 'app' | 'disconnect' }
  | { readonly do: 'send'; readonly target: Target };

const scope = fc.oneof(
  fc.record({ tenantId: fc.constantFrom(...TENANTS) }),
  fc.constant({ allTenants: true as const }),
);
const address = fc.oneof(
  fc.constant({ everyone: true as const }),
  fc.record({ userType: fc.constantFrom(...TYPES) }),
  fc.record({ userId: fc.constantFrom(...IDS), userType: fc.constantFrom(...TYPES) }),
  fc.record({ userId: fc.subarray(IDS) }),
  fc.record({ room: fc.constantFrom(...ROOMS) }),
);
const nth = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      tenantId: fc.constantFrom(...TENANTS),
      id: fc.constantFrom(...IDS),
      userType: fc.constantFrom(...TYPES),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('join' as const, 'leave' as const),
      nth,
      room: fc.constantFrom(...ROOMS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      nth,
      by: fc.constantFrom('peer' as const, 'line' as const, 'app' as const, 'disconnect' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(address, scope).map(([to, where]): Step => ({ do: 'send', target: { ...to, ...where } })),
  },
);

describe('random lives of sessions', () => {
  afterEach(stopServers);

  it('keep what is reached equal to a model, message by message, and end with nothing held', async function () {
    this.timeout(60_000);
    const server = await startServer({ multiTenant: true });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const model = new Model(server);
        for (const [serial, next] of steps.entries()) await model.take(next, serial);
        await model.compare();
        await model.end();
      }),
      { numRuns: 60, endOnFailure: true },
    );
    expect(server.errors).to.deep.equal([]);
    expect(server.opened).to.have.length(server.closed.length);
    expect(new Set(server.closed.map(({ session }) => session.id)).size).to.equal(server.closed.length);
  });
});

class Model {
  readonly #server: TestServer;
  #entries: Entry[] = [];

  constructor(server: TestServer) {
    this.#server = server;
  }

  async take(next: Step, serial: number): Promise<void> {
    if (next.do === 'open') return this.#open(next);
    if (next.do === 'send') return this.#send(next.target, serial);
    const entry = this.#entries[next.nth % Math.max(1, this.#entries.length)];
    if (entry === undefined) return;
    if (next.do === 'close') return this.#close(entry, next.by);
    entry.client.session[next.do](next.room);
    if (next.do === 'join') entry.rooms.add(next.room);
    else entry.rooms.delete(next.room);
  }

  /** Everybody got what the model says, in its order, and every target holds whom the model says. */
  async compare(): Promise<void> {
    const { hub } = this.#server.realtime;
    await Promise.all(this.#entries.map(({ client }) => client.settle()));
    for (const { client, wanted, rooms } of this.#entries) {
      expect(client.messages.map(({ content }) => content)).to.deep.equal(wanted);
      expect([...client.session.rooms].sort()).to.deep.equal([...rooms].sort());
      expect(hub.get(client.session.id)).to.equal(client.session);
    }
    expect(hub.count()).to.equal(this.#entries.length);
    for (const target of allTargets()) {
      expect(idsOf(hub.list(target)), JSON.stringify(target)).to.deep.equal(idsOf(this.#reached(target)));
    }
  }

  async end(): Promise<void> {
    for (const entry of [...this.#entries]) await this.#close(entry, 'peer');
    const { hub } = this.#server.realtime;
    expect(hub.count()).to.equal(0);
    for (const target of allTargets()) expect(hub.list(target)).to.deep.equal([]);
  }

  async #open({ tenantId, id, userType }: Extract<Step, { do: 'open' }>): Promise<void> {
    const client = await this.#server.connect({ tenantId, id, userType });
    this.#entries.push({ client, tenantId, id: String(id), userType: String(userType), rooms: new Set(), wanted: [] });
  }

  async #send(target: Target, serial: number): Promise<void> {
    const reached = new Set(this.#reached(target));
    const { delivered } = await this.#server.realtime.send(target, 'n', serial);
    expect(delivered, JSON.stringify(target)).to.equal(reached.size);
    for (const { client, wanted } of this.#entries) if (reached.has(client.session)) wanted.push(serial);
  }

  async #close(entry: Entry, by: Extract<Step, { do: 'close' }>['by']): Promise<void> {
    const { client } = entry;
    const over = this.#server.closings(this.#server.closed.length + 1);
    // What was sent before the close must still come, except where the line breaks.
    if (by === 'peer') await client.settle();
    if (by === 'peer') client.ws.close();
    else if (by === 'line') client.ws.terminate();
    else if (by === 'app') client.session.close(4000);
    else await this.#server.realtime.disconnect({ sessionId: client.session.id, tenantId: entry.tenantId });
    await over;
    await client.closed;
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (by !== 'line') expect(client.messages.map(({ content }) => content)).to.deep.equal(entry.wanted);
  }

  #reached(target: Target): AnySession[] {
    return this.#entries.filter((entry) => matches(entry, target)).map(({ client }) => client.session);
  }
}

function matches({ tenantId, id, userType, rooms }: Entry, target: Target): boolean {
  if (target.allTenants !== true && target.tenantId !== tenantId) return false;
  if ('everyone' in target) return true;
  if ('room' in target) return rooms.has(target.room);
  if ('userId' in target) {
    const ids = Array.isArray(target.userId) ? target.userId : [target.userId];
    return ids.map(String).includes(id) && String(target.userType ?? 0) === userType;
  }
  return 'userType' in target && String(target.userType) === userType;
}

function allTargets(): Target[] {
  return [...TENANTS.map((tenantId) => ({ tenantId })), { allTenants: true as const }].flatMap((where): Target[] => [
    { everyone: true, ...where },
    ...TYPES.map((userType) => ({ userType, ...where })),
    ...TYPES.flatMap((userType) => IDS.map((userId) => ({ userId, userType, ...where }))),
    ...ROOMS.map((room) => ({ room, ...where })),
  ]);
}
