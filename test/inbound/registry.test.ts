import { type } from 'arktype';
import { expect } from 'chai';
import * as valibot from 'valibot';
import { z } from 'zod';
import type { LoginUser, MessageContext, Session } from '../../lib/index';
import { startApp } from '../support/app-server';

const ada = { id: 7, userType: 1 };
const bob = { id: 8, userType: 2 };
const noop = () => undefined;

describe('registry', () => {
  it('gives a handler content, session and context', async () => {
    const { login, realtime } = await startApp();
    const calls: [unknown, Session, MessageContext][] = [];
    realtime.registry.on('chat', (content, session, context) => {
      calls.push([content, session, context]);
      session.send('done', null);
    });
    const client = await login(ada);
    client.send('chat', { text: 'hi' });
    await client.next('done');
    const [content, session, context] = calls[0] ?? [];
    expect(content).to.deep.equal({ text: 'hi' });
    expect(session?.loginUser).to.include(ada);
    expect(session).to.equal(realtime.hub.get(session?.id ?? ''));
    expect(context?.type).to.equal('chat');
    expect(context?.id).to.equal(undefined);
    expect(context?.signal).to.be.instanceOf(AbortSignal).with.property('aborted', false);
  });

  it('throws for a type that is taken; off frees it', async () => {
    const { realtime, login, nextError } = await startApp();
    const { on, off } = realtime.registry;
    on('chat', noop);
    expect(() => on('chat', noop))
      .to.throw(/chat already has a handler/)
      .with.property('code', 'ERR_REALTIME_TYPE');
    expect(off('chat')).to.equal(true);
    expect(off('chat')).to.equal(false);
    const client = await login(ada);
    client.send('chat', 1);
    expect((await nextError()).error.message).to.match(/refused: unknown_type/);
    on('chat', (content, session) => session.send('again', content));
    client.send('chat', 2);
    expect(await client.next('again')).to.equal(2);
  });

  it('throws for types that cannot be, and those of the protocol', async () => {
    const { realtime } = await startApp();
    for (const wrong of ['', '$hello', '$', 'x'.repeat(129), 7, null, undefined, {}]) {
      expect(() => realtime.registry.on(wrong as never, noop))
        .to.throw()
        .with.property('code', 'ERR_REALTIME_TYPE');
    }
    realtime.registry.on('x'.repeat(128), noop);
  });

  it('throws for options and handlers that cannot be used', async () => {
    const { realtime } = await startApp();
    const on = realtime.registry.on as (...args: unknown[]) => void;
    const wrong: readonly (readonly [unknown[], RegExp])[] = [
      [['a'], /handler of a must be a function/],
      [['a', 'b'], /must be a function/],
      [['a', {}, 'b'], /must be a function/],
      [['a', null, noop], /options must be an object/],
      [['a', { shema: {} }, noop], /unknown option shema; known: schema, userTypes, authorize, anonymous/],
      [['a', { schema: { parse: noop } }, noop], /schema must be a Standard Schema/],
      [['a', { schema: null }, noop], /schema must be a Standard Schema/],
      [['a', { userTypes: 1 }, noop], /userTypes must be an array/],
      [['a', { userTypes: [null] }, noop], /userTypes must be an array/],
      [['a', { authorize: true }, noop], /authorize must be a function/],
      [['a', { anonymous: 1 }, noop], /anonymous must be true or false/],
    ];
    for (const [args, message] of wrong) {
      expect(() => on(...args))
        .to.throw(message)
        .with.property('code', 'ERR_REALTIME_OPTION');
    }
    // None of them has taken the type.
    on('a', noop);
  });

  describe('schema', () => {
    const schemas = {
      zod: z.object({ text: z.string(), count: z.number().default(1) }),
      valibot: valibot.object({ text: valibot.string(), count: valibot.optional(valibot.number(), 1) }),
      arktype: type({ text: 'string', count: 'number = 1' }),
    };

    for (const [name, schema] of Object.entries(schemas)) {
      it(`of ${name} validates, fills in and types content`, async () => {
        const { login, realtime, nextError, events } = await startApp();
        realtime.registry.on('chat', { schema }, ({ text, count }, session) => {
          session.send('got', text.repeat(count));
        });
        const client = await login(ada);
        client.send('chat', { text: 'a' });
        expect(await client.next('got')).to.equal('a');
        for (const wrong of [{ text: 1 }, {}, null, 'a', undefined]) {
          client.send('chat', wrong);
          const { error, origin } = await nextError();
          expect(error).to.have.property('code', 'ERR_REALTIME_REFUSED');
          expect(error.message).to.equal(
            'a message of type chat was refused: invalid_content: content does not fit the schema of this type',
          );
          expect(origin).to.include({ type: 'chat' });
        }
        client.send('chat', { text: 'b', count: 2 });
        expect(await client.next('got')).to.equal('bb');
        expect(events.filter((event) => event.name === 'message.refused')).to.have.length(5);
      });
    }

    it('may be asynchronous; the next message waits for it', async () => {
      const { login, realtime } = await startApp();
      const schema = z.string().transform(async (text) => `${text}!`);
      realtime.registry.on('slow', { schema }, (content, session) => session.send('got', content));
      realtime.registry.on('fast', (content, session) => session.send('got', content));
      const client = await login(ada);
      client.send('slow', 'a');
      client.send('fast', 'b');
      expect(await client.next('got')).to.equal('a!');
      expect(await client.next('got')).to.equal('b');
    });

    it('that throws or rejects is reported; the next message is handled', async () => {
      const { login, realtime, nextError } = await startApp();
      const standard = (validate: () => never) => ({ '~standard': { version: 1, vendor: 'test', validate } }) as const;
      const fault = new Error('broken schema');
      const throwing = standard(() => {
        throw fault;
      });
      const rejecting = standard((() => Promise.reject(fault)) as never);
      realtime.registry.on('throwing', { schema: throwing }, noop);
      realtime.registry.on('rejecting', { schema: rejecting }, noop);
      realtime.registry.on('echo', (content, session) => session.send('echo', content));
      const client = await login(ada);
      for (const each of ['throwing', 'rejecting']) {
        client.send(each, 1);
        expect((await nextError()).error).to.equal(fault);
      }
      client.send('echo', 1);
      expect(await client.next('echo')).to.equal(1);
    });
  });

  describe('userTypes', () => {
    it('lets only those user types in, compared as strings', async () => {
      const { login, realtime, nextError } = await startApp();
      realtime.registry.on('admin', { userTypes: ['2', 3] }, (content, session) => session.send('done', content));
      const [member, admin] = [await login(ada), await login(bob)];
      member.send('admin', 1);
      const { error, origin } = await nextError();
      expect(error.message).to.match(/refused: forbidden/);
      expect(origin.session?.loginUser).to.include(ada);
      admin.send('admin', 2);
      expect(await admin.next('done')).to.equal(2);
      const other = await login({ id: 9, userType: '3' });
      other.send('admin', 3);
      expect(await other.next('done')).to.equal(3);
    });

    it('empty lets nobody in', async () => {
      const { login, realtime, nextError } = await startApp();
      realtime.registry.on('none', { userTypes: [] }, noop);
      (await login(ada)).send('none', 1);
      expect((await nextError()).error.message).to.match(/refused: forbidden/);
    });
  });

  describe('authorize', () => {
    for (const [kind, answer] of [
      ['sync', (isAllowed: unknown) => isAllowed],
      ['async', (isAllowed: unknown) => Promise.resolve(isAllowed)],
    ] as const) {
      it(`${kind}: only true lets a message in`, async () => {
        const { login, realtime, nextError } = await startApp();
        const authorize = (session: Session, content: unknown) => {
          expect(session.loginUser.id).to.equal(7);
          return answer(content) as boolean;
        };
        realtime.registry.on('write', { authorize }, (content, session) => session.send('done', content));
        const client = await login(ada);
        for (const refused of [false, null, 1, 'true', {}]) {
          client.send('write', refused);
          expect((await nextError()).error.message).to.match(/refused: forbidden/);
        }
        client.send('write', true);
        expect(await client.next('done')).to.equal(true);
      });

      it(`${kind}: a fault refuses and is reported`, async () => {
        const { login, realtime, nextError } = await startApp();
        const fault = new Error('database away');
        const isAsync = kind === 'async';
        const authorize = (): boolean | Promise<boolean> => {
          if (isAsync) return Promise.reject(fault);
          throw fault;
        };
        realtime.registry.on('write', { authorize }, (_content, session) => session.send('done', null));
        realtime.registry.on('marker', (_content, session) => session.send('marker', null));
        const client = await login(ada);
        client.send('write', 1);
        expect((await nextError()).error).to.equal(fault);
        client.send('marker', 1);
        expect((await client.nextMessage()).type).to.equal('marker');
      });
    }

    it('sees content after the schema', async () => {
      const { login, realtime } = await startApp();
      const seen: unknown[] = [];
      const authorize = (_session: Session, content: unknown) => {
        seen.push(content);
        return true;
      };
      const schema = z.string().transform(Number);
      realtime.registry.on('add', { schema, authorize }, (content, session) => session.send('sum', content + 1));
      const client = await login(ada);
      client.send('add', '41');
      expect(await client.next('sum')).to.equal(42);
      expect(seen).to.deep.equal([41]);
    });
  });

  describe('anonymous', () => {
    it('handlers see guests and users; the others see no guest', async () => {
      const { login, realtime, nextError } = await startApp({ anonymous: true });
      const whoIs = (session: Session<LoginUser | null>) => session.loginUser?.id ?? null;
      realtime.registry.on('open', { anonymous: true }, (_content, session) => session.send('who', whoIs(session)));
      realtime.registry.on('members', (_content, session) => session.send('who', whoIs(session)));
      realtime.registry.on('typed', { userTypes: [0, 1] }, (_content, session) => session.send('who', whoIs(session)));
      const [guest, user] = [await login(null), await login(ada)];
      for (const each of ['open', 'members', 'typed']) {
        user.send(each);
        expect(await user.next('who')).to.equal(7);
      }
      guest.send('open');
      expect(await guest.next('who')).to.equal(null);
      for (const each of ['members', 'typed']) {
        guest.send(each);
        expect((await nextError()).error.message).to.match(/refused: forbidden/);
      }
    });

    it('guests are nobody in particular: only rooms and their session reach them', async () => {
      const { login, realtime } = await startApp({ anonymous: true });
      const guest = await login(null);
      const [session] = realtime.hub.list();
      expect(session?.loginUser).to.equal(null);
      expect(realtime.hub.count()).to.equal(1);
      for (const target of [{ everyone: true }, { userType: 0 }, { userId: 'null' }] as const) {
        expect((await realtime.send(target, 'n', 'leak')).delivered).to.equal(0);
      }
      session?.join('lobby');
      expect((await realtime.send({ room: 'lobby' }, 'n', 1)).delivered).to.equal(1);
      expect((await realtime.send({ sessionId: session?.id ?? '' }, 'n', 2)).delivered).to.equal(1);
      expect(await guest.next('n')).to.equal(1);
      expect(await guest.next('n')).to.equal(2);
    });
  });
});
