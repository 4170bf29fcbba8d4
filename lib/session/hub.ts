import type { Addressed, Audience, AudienceKey, Exception } from '../model/audience';
import type { LiveSession } from './live-session';
import type { Outgoing } from '../wire/outgoing';
import { flatText } from './flat-text';
import { everyoneKey, roomKey, userKey, userTypeKey } from '../model/audience';

/** One member needs no set: most users have one socket. */
type Members = LiveSession | Set<LiveSession>;

/**
 * All sessions of this process, by id and by audience. The tenant is part of every key, so a lookup cannot leave it;
 * empty audiences are removed at once.
 */
export class Hub {
  readonly #sessions = new Map<string, LiveSession>();
  readonly #audiences = new Map<AudienceKey, Members>();
  /** How many sessions each tenant has: what "all tenants" means here. */
  readonly #tenants = new Map<string, number>();
  #whenEmpty: (() => void)[] = [];

  get size(): number {
    return this.#sessions.size;
  }

  add(session: LiveSession): void {
    const { tenant } = session;
    this.#sessions.set(session.id, session);
    this.#tenants.set(tenant, (this.#tenants.get(tenant) ?? 0) + 1);
    for (const key of loginKeys(session)) this.#addTo(key, session);
  }

  /** Takes a session out of everything that it is in. */
  remove(session: LiveSession): void {
    if (!this.#sessions.delete(session.id)) return;
    const { tenant } = session;
    const left = (this.#tenants.get(tenant) ?? 1) - 1;
    if (left === 0) this.#tenants.delete(tenant);
    else this.#tenants.set(tenant, left);
    for (const key of loginKeys(session)) this.#removeFrom(key, session);
    for (const room of session.rooms) this.#removeFrom(roomKey(tenant, room), session);
    if (this.#sessions.size === 0) this.#tellEmpty();
  }

  /** Resolves when no session is left. */
  async drained(): Promise<void> {
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  join(session: LiveSession, room: string): void {
    this.#addTo(roomKey(session.tenant, room), session);
  }

  leave(session: LiveSession, room: string): void {
    this.#removeFrom(roomKey(session.tenant, room), session);
  }

  get(id: string): LiveSession | undefined {
    return this.#sessions.get(id);
  }

  /** All sessions, the oldest first. */
  all(): IterableIterator<LiveSession> {
    return this.#sessions.values();
  }

  /** Calls `visit` for each session that is addressed, each once. The hub must not be changed while it runs. */
  forEach(addressed: Addressed, visit: (session: LiveSession) => void): void {
    const { scope, audience, except } = addressed;
    const filtered = except === undefined ? visit : leavingOut(except, visit);
    if (audience.kind === 'session') {
      const session = this.#sessions.get(audience.sessionId);
      if (session !== undefined && (scope === 'all' || scope.tenant === session.tenant)) filtered(session);
      return;
    }
    if (scope !== 'all') {
      this.#forEachIn(scope.tenant, audience, filtered);
      return;
    }
    for (const tenant of this.#tenants.keys()) this.#forEachIn(tenant, audience, filtered);
  }

  /** Queues a message on every session that is addressed. @returns on how many. */
  deliver(addressed: Addressed, outgoing: Outgoing): number {
    let delivered = 0;
    this.forEach(addressed, (session) => {
      if (session.deliver(outgoing)) delivered += 1;
    });
    return delivered;
  }

  /** The sessions that are addressed, as a list of their own. */
  list(addressed: Addressed): LiveSession[] {
    const sessions: LiveSession[] = [];
    this.forEach(addressed, (session) => sessions.push(session));
    return sessions;
  }

  /** How many keys of any kind are held: 0 when no session is open. */
  get heldKeys(): number {
    return this.#sessions.size + this.#audiences.size + this.#tenants.size;
  }

  #forEachIn(tenant: string, audience: Exclude<Audience, { kind: 'session' }>, visit: (s: LiveSession) => void): void {
    switch (audience.kind) {
      case 'everyone':
        return this.#visit(everyoneKey(tenant), visit);
      case 'userType':
        return this.#visit(userTypeKey(tenant, audience.userType), visit);
      case 'room':
        return this.#visit(roomKey(tenant, audience.room), visit);
      case 'user':
        for (const id of audience.ids) this.#visit(userKey(tenant, audience.userType, id), visit);
    }
  }

  #visit(key: AudienceKey, visit: (session: LiveSession) => void): void {
    const members = this.#audiences.get(key);
    if (members === undefined) return;
    if (members instanceof Set) members.forEach(visit);
    else visit(members);
  }

  #tellEmpty(): void {
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }

  #addTo(key: AudienceKey, session: LiveSession): void {
    const members = this.#audiences.get(key);
    if (members === undefined) this.#audiences.set(flatText(key), session);
    else if (members instanceof Set) members.add(session);
    else if (members !== session) this.#audiences.set(key, new Set([members, session]));
  }

  #removeFrom(key: AudienceKey, session: LiveSession): void {
    const members = this.#audiences.get(key);
    if (members === session) this.#audiences.delete(key);
    if (!(members instanceof Set)) return;
    members.delete(session);
    if (members.size === 0) this.#audiences.delete(key);
  }
}

/** A guest is in no audience of its own: only rooms that the application put it in, and its session id. */
function loginKeys(session: LiveSession): readonly AudienceKey[] {
  const { loginUser, tenant } = session;
  if (loginUser === null) return [];
  const userType = String(loginUser.userType);
  return [everyoneKey(tenant), userTypeKey(tenant, userType), userKey(tenant, userType, String(loginUser.id))];
}

function leavingOut(except: Exception, visit: (session: LiveSession) => void): (session: LiveSession) => void {
  const sessionIds = new Set(except.sessionIds);
  const users = new Set(except.users.map(({ userType, id }) => userKey('', userType, id)));
  return (session) => {
    if (sessionIds.has(session.id)) return;
    const user = session.loginUser;
    if (user !== null && users.has(userKey('', String(user.userType), String(user.id)))) return;
    visit(session);
  };
}
