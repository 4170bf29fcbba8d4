import { expect } from 'chai';
import fc from 'fast-check';
import { Hub } from '../../lib/session/hub';
import type { LiveSession } from '../../lib/session/live-session';
import type { LoginUserInput } from '../../lib/index';
import { startServer, stopServers } from './support';

describe('hub', () => {
  afterEach(stopServers);

  it('holds no key of any kind once random adds, joins, leaves and removes are all undone', async () => {
    const sessions = await realSessions();
    const step = fc.record({
      nth: fc.nat(sessions.length - 1),
      do: fc.constantFrom('add', 'add', 'join', 'leave', 'remove'),
      room: fc.constantFrom('r', 'q', '', '1:r'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const hub = new Hub();
        const held = new Map<LiveSession, Set<string>>();
        for (const { nth, do: action, room } of steps) {
          const session = sessions[nth];
          if (session === undefined) continue;
          const rooms = held.get(session);
          if (action === 'add' && rooms === undefined) {
            hub.add(session);
            held.set(session, new Set());
          } else if (rooms !== undefined && action === 'join') {
            hub.join(session, room);
            rooms.add(room);
          } else if (rooms !== undefined && action === 'leave') {
            hub.leave(session, room);
            rooms.delete(room);
          } else if (rooms !== undefined && action === 'remove') {
            for (const joined of rooms) hub.leave(session, joined);
            hub.remove(session);
            held.delete(session);
          }
          expect(hub.size).to.equal(held.size);
        }
        for (const [session, rooms] of held) {
          for (const room of rooms) hub.leave(session, room);
          hub.remove(session);
          hub.remove(session);
        }
        expect(hub.heldKeys).to.equal(0);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a session out of its rooms by itself', async () => {
    const hub = new Hub();
    const [session] = await realSessions();
    if (session === undefined) throw new Error('no session');
    hub.add(session);
    session.join('r');
    hub.join(session, 'r');
    const withRoom = hub.heldKeys;
    hub.remove(session);
    expect(withRoom).to.be.greaterThan(4);
    expect(hub.heldKeys).to.equal(0);
  });

  it('resolves drained when the last session is gone, at once where there is none', async () => {
    const hub = new Hub();
    await hub.drained();
    const [first, second] = await realSessions();
    if (first === undefined || second === undefined) throw new Error('no sessions');
    hub.add(first);
    hub.add(second);
    let isDrained = false;
    const drained = hub.drained().then(() => (isDrained = true));
    hub.remove(first);
    await Promise.resolve();
    expect(isDrained).to.equal(false);
    hub.remove(second);
    await drained;
  });

  it('keeps the order in which sessions came', async () => {
    const hub = new Hub();
    const sessions = await realSessions();
    for (const session of sessions) hub.add(session);
    expect([...hub.all()]).to.deep.equal(sessions);
  });
});

/** Sessions of real sockets: two tenants, guests included, several sockets of one user. */
async function realSessions(): Promise<readonly LiveSession[]> {
  const server = await startServer({ multiTenant: true });
  const users: readonly LoginUserInput[] = [
    { id: 1, tenantId: 'a' },
    { id: 1, tenantId: 'a' },
    { id: 1, tenantId: 'b' },
    { id: '1', userType: 'x', tenantId: 'a' },
    { id: 2, tenantId: 'b' },
  ];
  const clients = await Promise.all(users.map((user) => server.connect(user)));
  // Every session that an attach hands out is one.
  return clients.map(({ session }) => session as LiveSession);
}
