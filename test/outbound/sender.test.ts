import { expect } from 'chai';
import { RealtimeError } from '../../lib/index';
import type { Sender, Target } from '../../lib/index';
import { openClient, startApp, tokenOf } from '../support/app-server';
import type { AppServer, AppServerOptions } from '../support/app-server';
import { raise } from '../support/raise';

const ada = { id: 7, userType: 1 };
const bob = { id: 8, userType: 2 };

/** What a call throws at once; not what it rejects with. */
function thrown(call: () => unknown): unknown {
  try {
    void call();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function startWithTwo(options: AppServerOptions = {}) {
  const started = await startApp(options);
  return { ...started, adas: await started.login(ada), bobs: await started.login(bob) };
}

function sessionIdOf({ realtime }: Pick<AppServer, 'realtime'>, userId: number, userType: number): string {
  return realtime.hub.list({ userId, userType })[0]?.id ?? '';
}

describe('sender.send', () => {
  describe('targets', () => {
    it('one user, by id and type; no type means type 0', async () => {
      const { realtime, login, adas, bobs } = await startWithTwo();
      const zero = await login({ id: 7 });
      expect((await realtime.send({ userId: 7 }, 'n', 'zero')).delivered).to.equal(1);
      expect((await realtime.send({ userId: 7, userType: 1 }, 'n', 'ada')).delivered).to.equal(1);
      expect((await realtime.send({ userId: 7, userType: 2 }, 'n', 'nobody')).delivered).to.equal(0);
      expect(await zero.next('n')).to.equal('zero');
      expect(await adas.next('n')).to.equal('ada');
      expect([...zero.unread, ...adas.unread, ...bobs.unread]).to.deep.equal([]);
    });

    it('ids are compared as strings', async () => {
      const { realtime, adas } = await startWithTwo();
      await realtime.send({ userId: '7', userType: '1' }, 'n', 1);
      expect(await adas.next('n')).to.equal(1);
      expect((await realtime.send({ userId: '07', userType: 1 }, 'n', 1)).delivered).to.equal(0);
    });

    it('every socket of a user', async () => {
      const { realtime, login, adas } = await startWithTwo();
      const second = await login(ada);
      expect((await realtime.send({ userId: 7, userType: 1 }, 'n', 1)).delivered).to.equal(2);
      expect([await adas.next('n'), await second.next('n')]).to.deep.equal([1, 1]);
    });

    it('many users, each once', async () => {
      const { realtime, login, adas } = await startWithTwo();
      const other = await login({ id: 9, userType: 1 });
      const receipt = await realtime.send({ userId: [7, '7', 9, 7, 99], userType: 1 }, 'n', 1);
      expect(receipt.delivered).to.equal(2);
      await realtime.send({ everyone: true }, 'n', 2);
      for (const client of [adas, other])
        expect([await client.next('n'), await client.next('n')]).to.deep.equal([1, 2]);
    });

    it('an empty list of users is nobody', async () => {
      const { realtime } = await startWithTwo();
      expect(await realtime.send({ userId: [] }, 'n', 1)).to.include({ delivered: 0, relay: 'none' });
      expect(await realtime.count({ userId: [] })).to.equal(0);
      expect(await realtime.isOnline({ userId: [] })).to.equal(false);
      expect(await realtime.disconnect({ userId: [] })).to.include({ delivered: 0 });
      expect(realtime.hub.count()).to.equal(2);
    });

    it('all of a user type', async () => {
      const { realtime, adas, bobs } = await startWithTwo();
      expect((await realtime.send({ userType: 2 }, 'n', 1)).delivered).to.equal(1);
      expect(await bobs.next('n')).to.equal(1);
      expect(adas.unread).to.deep.equal([]);
    });

    it('one session', async () => {
      const started = await startWithTwo();
      await started.login(ada);
      const sessionId = sessionIdOf(started, 7, 1);
      expect((await started.realtime.send({ sessionId }, 'n', 1)).delivered).to.equal(1);
      expect(await started.adas.next('n')).to.equal(1);
      expect((await started.realtime.send({ sessionId: 'gone' }, 'n', 1)).delivered).to.equal(0);
    });

    it('a room', async () => {
      const { realtime, adas, bobs } = await startWithTwo();
      for (const session of realtime.hub.list({ userType: 2 })) session.join('lobby');
      expect((await realtime.send({ room: 'lobby' }, 'n', 1)).delivered).to.equal(1);
      expect(await bobs.next('n')).to.equal(1);
      expect((await realtime.send({ room: 'other' }, 'n', 1)).delivered).to.equal(0);
      expect(adas.unread).to.deep.equal([]);
    });

    it('everyone', async () => {
      const { realtime, adas, bobs } = await startWithTwo();
      expect((await realtime.send({ everyone: true }, 'n', 1)).delivered).to.equal(2);
      expect([await adas.next('n'), await bobs.next('n')]).to.deep.equal([1, 1]);
    });

    it('everyone except sessions and users', async () => {
      const started = await startWithTwo();
      const { realtime, adas, bobs } = started;
      const sessionId = sessionIdOf(started, 7, 1);
      const send = async (except: Target['except'], content: string) =>
        (await realtime.send({ everyone: true, ...(except === undefined ? {} : { except }) }, 'n', content)).delivered;
      expect(await send(sessionId, 'bob only')).to.equal(1);
      expect(await send({ userId: 8, userType: 2 }, 'ada only')).to.equal(1);
      expect(await send([sessionId, { userId: '8', userType: '2' }], 'nobody')).to.equal(0);
      expect(await send([], 'both')).to.equal(2);
      // No type means type 0 here too: that is another user.
      expect(await send({ userId: 7 }, 'both too')).to.equal(2);
      expect([await bobs.next('n'), await bobs.next('n'), await bobs.next('n')]).to.deep.equal([
        'bob only',
        'both',
        'both too',
      ]);
      expect([await adas.next('n'), await adas.next('n'), await adas.next('n')]).to.deep.equal([
        'ada only',
        'both',
        'both too',
      ]);
    });
  });

  describe('a bad target throws at once, before anything is written', () => {
    const bad: readonly (readonly [string, unknown, RegExp])[] = [
      ['undefined', undefined, /target must be an object/],
      ['null', null, /target must be an object/],
      ['a number', 7, /target must be an object/],
      ['a string', 'everyone', /target must be an object/],
      ['a list', [{ userId: 7 }], /target must be an object/],
      ['nothing in it', {}, /needs one of sessionId, userId, userType, room, everyone/],
      ['only an exception', { except: [] }, /needs one of/],
      ['a typo', { userID: 7 }, /unknown key "userID"/],
      ['a typo beside', { userType: 1, userIds: [7] }, /unknown key "userIds"/],
      ['__proto__', JSON.parse('{"everyone":true,"__proto__":1}'), /unknown key "__proto__"/],
      ['a list of sessions', { sessionIds: ['a'] }, /unknown key/],
      ['two addresses', { userId: 7, room: 'a' }, /exactly one address/],
      ['session and everyone', { sessionId: 'a', everyone: true }, /exactly one address/],
      ['room and user type', { room: 'a', userType: 1 }, /userType goes with userId or stands alone/],
      ['everyone of a type', { everyone: true, userType: 1 }, /userType goes with userId/],
      ['everyone: false', { everyone: false }, /everyone must be true/],
      ['everyone: 1', { everyone: 1 }, /everyone must be true/],
      ['an empty session id', { sessionId: '' }, /sessionId must be a non-empty string/],
      ['a session id that is a number', { sessionId: 7 }, /sessionId must be/],
      ['an empty room', { room: '' }, /room must be a non-empty string/],
      ['a room that is a list', { room: ['a'] }, /room must be/],
      ['an empty user id', { userId: '' }, /userId must be a non-empty string or a safe integer/],
      ['a user id that is an object', { userId: { id: 7 } }, /userId must be/],
      ['a user id that is true', { userId: true }, /userId must be/],
      ['a bigint', { userId: 7n }, /userId must be.*a bigint/],
      ['NaN', { userId: NaN }, /userId must be/],
      ['a fraction', { userId: 7.5 }, /userId must be/],
      ['an unsafe integer', { userId: 2 ** 53 }, /safe integer/],
      ['an unsafe integer among others', { userId: [7, 2 ** 53 + 2] }, /safe integer/],
      ['a hole in a list', { userId: [7, undefined] }, /userId must be/],
      ['a null in a list', { userId: [7, null] }, /userId must be/],
      ['a user type that is a list', { userType: [1] }, /userType must be/],
      ['an unsafe user type', { userId: 7, userType: -(2 ** 53) }, /userType must be/],
      ['an exception that is a number', { everyone: true, except: 7 }, /except takes session ids and/],
      ['an exception with a typo', { everyone: true, except: { userID: 7 } }, /except/],
      ['an exception without a user id', { everyone: true, except: { userType: 1 } }, /except.userId must be/],
      ['an exception of undefined', { everyone: true, except: [undefined] }, /except/],
      ['an empty exception', { everyone: true, except: '' }, /except/],
    ];
    const keys = ['sessionId', 'userId', 'userType', 'room', 'everyone', 'tenantId', 'allTenants', 'except'];
    const absent = keys.flatMap((key) =>
      [undefined, null].map((value) => {
        const beside = key === 'everyone' ? {} : { everyone: true };
        return [
          `${key}: ${String(value)}`,
          { ...beside, [key]: value },
          new RegExp(`target\\.${key} is ${String(value)}`),
        ] as const;
      }),
    );

    for (const [name, target, message] of [...bad, ...absent]) {
      it(name, async () => {
        const { realtime, adas, bobs } = await startWithTwo();
        const to = target as Target;
        for (const call of [
          () => realtime.send(to, 'n', 'leak'),
          () => realtime.sendText(to, 'n', '"leak"'),
          () => realtime.disconnect(to),
          () => realtime.count(to),
          () => realtime.isOnline(to),
          () => realtime.hub.count(to),
        ]) {
          // Without a target the hub counts all.
          if (target === undefined && call.toString().includes('hub.count')) continue;
          const error = thrown(call);
          expect(error).to.be.instanceOf(RealtimeError).with.property('code', 'ERR_REALTIME_TARGET');
          expect((error as Error).message).to.match(message);
        }
        await realtime.send({ everyone: true }, 'n', 'marker');
        expect([await adas.next('n'), await bobs.next('n')]).to.deep.equal(['marker', 'marker']);
      });
    }

    it('a tenant where there are none', async () => {
      const { realtime } = await startWithTwo();
      for (const target of [
        { everyone: true, tenantId: 1 },
        { everyone: true, allTenants: true },
      ] as const) {
        expect(thrown(() => realtime.send(target, 'n', 1))).to.have.property('code', 'ERR_REALTIME_TENANT');
      }
      expect(thrown(() => realtime.forTenant(1))).to.have.property('code', 'ERR_REALTIME_TENANT');
    });
  });

  describe('content', () => {
    const values: readonly unknown[] = [
      null,
      true,
      false,
      0,
      -1.5,
      '',
      'text',
      '😀',
      '\u2028',
      [],
      {},
      [null, [1, { a: 'b' }]],
      { a: { b: [] }, '': 1 },
    ];
    for (const wire of [undefined, 'express-realtime.v1']) {
      it(`is any JSON value: ${wire ?? 'plain'}`, async () => {
        const { server, realtime } = await startApp();
        const client = await openClient(server, {
          token: tokenOf(ada),
          ...(wire === undefined ? {} : { protocols: [wire] }),
        });
        for (const value of values) {
          await realtime.send({ everyone: true }, 'n', value);
          expect(await client.next('n')).to.deep.equal(value);
        }
      });
    }

    it('stands in the frame of the seed, byte for byte', async () => {
      const { realtime, adas } = await startWithTwo();
      await realtime.send({ everyone: true }, 'notice-push', { title: 'a "b"\n', n: 1 });
      expect(await adas.nextText()).to.equal(
        '{"type":"notice-push","content":"{\\"title\\":\\"a \\\\\\"b\\\\\\"\\\\n\\",\\"n\\":1}"}',
      );
    });

    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    let deep: unknown = [];
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    const bad: readonly (readonly [string, unknown, RegExp])[] = [
      ['undefined', undefined, /must be a JSON value, got undefined/],
      ['a function', () => 1, /must be a JSON value, got a function/],
      ['a symbol', Symbol('s3cret'), /must be a JSON value, got a symbol/],
      ['a bigint', 1n, /it holds a bigint/],
      ['a bigint inside', { a: [1n] }, /it holds a bigint/],
      ['a circular object', circular, /it is circular/],
      [
        'a toJSON that throws',
        {
          toJSON: () => {
            throw new Error('s3cret');
          },
        },
        /its toJSON or a getter threw/,
      ],
      [
        'a toJSON that throws no error',
        {
          toJSON: () => {
            raise('s3cret');
          },
        },
        /its toJSON or a getter threw/,
      ],
      [
        'a getter that throws',
        {
          get a() {
            throw new TypeError('s3cret');
          },
        },
        /its toJSON or a getter threw/,
      ],
      ['a toJSON that gives nothing', { toJSON: () => undefined }, /must be a JSON value/],
      ['something nested too deep', deep, /it is nested too deep/],
      ['more than fits into a socket’s buffer', 'x'.repeat(2 ** 20), /above the limit of 1048576/],
    ];
    for (const [name, content, message] of bad) {
      it(`${name} is refused by name, nothing is written`, async () => {
        const { realtime, adas } = await startWithTwo();
        const [session] = realtime.hub.list({ userType: 1 });
        const calls = [() => realtime.send({ everyone: true }, 'n', content)];
        // For one session a frame of any size may go into an empty buffer.
        if (!name.startsWith('more')) calls.push(() => session?.send('n', content) as never);
        for (const call of calls) {
          const error = thrown(call);
          expect(error).to.have.property('code', 'ERR_REALTIME_CONTENT');
          expect((error as Error).message)
            .to.match(message)
            .and.not.include('s3cret');
        }
        await realtime.send({ everyone: true }, 'n', 'marker');
        expect(await adas.next('n')).to.equal('marker');
      });
    }

    for (const wire of [undefined, 'express-realtime.v1']) {
      it(`lone surrogates make no receiver drop: ${wire ?? 'plain'}`, async () => {
        const { server, realtime } = await startApp();
        const client = await openClient(server, {
          token: tokenOf(ada),
          ...(wire === undefined ? {} : { protocols: [wire] }),
        });
        await realtime.send({ everyone: true }, 'n', 'a\ud800b');
        await realtime.send({ everyone: true }, 'n', { '\udc00': 1 });
        await realtime.sendText({ everyone: true }, 'n', '"a\ud800b"');
        await realtime.send({ everyone: true }, 'lone\ud800', 1);
        await realtime.send({ everyone: true }, 'n', 'marker');
        const contents: unknown[] = [];
        do contents.push(await client.next('n'));
        while (contents.at(-1) !== 'marker');
        expect(contents).to.have.length(4);
        expect(client.socket.readyState).to.equal(1);
      });
    }
  });

  it('throws for message types that cannot be, before anything is written', async () => {
    const { realtime, adas } = await startWithTwo();
    const [session] = realtime.hub.list({ userType: 1 });
    for (const type of ['', '$hello', 'x'.repeat(129), 7, null, undefined] as unknown[]) {
      for (const call of [
        () => realtime.send({ everyone: true }, type as string, 1),
        () => realtime.sendText({ everyone: true }, type as string, '1'),
        () => session?.send(type as string, 1),
      ]) {
        expect(thrown(call)).to.have.property('code', 'ERR_REALTIME_TYPE');
      }
    }
    await realtime.send({ everyone: true }, '__proto__', 1);
    expect(await adas.next('__proto__')).to.equal(1);
    expect(adas.unread).to.deep.equal([]);
  });

  it('writes content once, however many sockets there are', async () => {
    const { realtime, login } = await startWithTwo();
    await login(ada);
    let written = 0;
    const content = {
      toJSON: () => {
        written += 1;
        return 'content';
      },
    };
    expect((await realtime.send({ everyone: true }, 'n', content)).delivered).to.equal(3);
    expect(written).to.equal(1);
  });

  it('two equal messages in a row arrive as two', async () => {
    const { realtime, adas } = await startWithTwo();
    const [first, second] = [
      await realtime.send({ userId: 7, userType: 1 }, 'n', { a: 1 }),
      await realtime.send({ userId: 7, userType: 1 }, 'n', { a: 1 }),
    ];
    expect(first.id).not.to.equal(second.id);
    expect([await adas.next('n'), await adas.next('n')]).to.deep.equal([{ a: 1 }, { a: 1 }]);
    expect(adas.unread).to.deep.equal([]);
  });

  it('messages arrive in the order in which they were sent, whatever they were sent through', async () => {
    const { realtime, adas } = await startWithTwo();
    const [session] = realtime.hub.list({ userType: 1 });
    for (let index = 0; index < 300; index += 3) {
      void realtime.send({ everyone: true }, 'n', index);
      session?.send('n', index + 1);
      void realtime.sendText({ userId: 7, userType: 1 }, 'n', String(index + 2));
    }
    for (let index = 0; index < 300; index += 1) expect(await adas.next('n')).to.equal(index);
  });

  it('a session that is gone does not count, nor does one that is closing', async () => {
    const { realtime, adas } = await startWithTwo();
    const [session] = realtime.hub.list({ userType: 1 });
    session?.close();
    expect(session?.send('n', 1)).to.equal(false);
    expect((await realtime.send({ userType: 1 }, 'n', 1)).delivered).to.equal(0);
    expect(await realtime.count({ userType: 1 })).to.equal(0);
    expect(await realtime.isOnline({ userType: 1 })).to.equal(false);
    await adas.closed;
  });

  it('its promise that nobody awaits is no unhandled rejection, and the methods are bound', async () => {
    const { realtime } = await startWithTwo();
    const { send, sendText, disconnect, count, isOnline } = realtime;
    expect((await send({ everyone: true }, 'n', 1)).delivered).to.equal(2);
    expect((await sendText({ everyone: true }, 'n', '1')).delivered).to.equal(2);
    expect(await count({ everyone: true })).to.equal(2);
    expect(await isOnline({ userType: 1 })).to.equal(true);
    expect((await disconnect({ everyone: true })).delivered).to.equal(2);
    await realtime.close();
    void send({ everyone: true }, 'n', 1);
  });
});

describe('sender.sendText', () => {
  it('forwards JSON text verbatim', async () => {
    const { realtime, adas } = await startWithTwo();
    const text = '{ "b":1.0, "a" : "\\u0041" }';
    await realtime.sendText({ everyone: true }, 'n', text);
    expect(await adas.nextText()).to.equal(JSON.stringify({ type: 'n', content: text }));
  });

  it('refuses what is no JSON text', async () => {
    const { realtime, adas } = await startWithTwo();
    for (const text of ['', '{', 'text', 'undefined', '{"a":1}}', 7, null, undefined, {}]) {
      const error = thrown(() => realtime.sendText({ everyone: true }, 'n', text as string));
      expect(error).to.have.property('code', 'ERR_REALTIME_CONTENT');
    }
    await realtime.send({ everyone: true }, 'n', 'marker');
    expect(await adas.next('n')).to.equal('marker');
  });
});

describe('sender.disconnect', () => {
  it('closes the sessions of a target with 4403, or as it is told', async () => {
    const { realtime, adas, bobs, login } = await startWithTwo();
    expect(await realtime.disconnect({ userType: 1 })).to.include({ delivered: 1, relay: 'none' });
    expect(await adas.closed).to.deep.equal({ code: 4403, reason: '' });
    await realtime.disconnect({ userId: 8, userType: 2 }, { code: 4001, reason: 'bye' });
    expect(await bobs.closed).to.deep.equal({ code: 4001, reason: 'bye' });
    const again = await login(ada);
    await realtime.send({ everyone: true }, 'n', 1);
    await realtime.disconnect({ everyone: true }, { code: 1000, reason: 'é'.repeat(100) });
    expect(await again.next('n')).to.equal(1);
    expect(await again.closed).to.deep.equal({ code: 1000, reason: 'é'.repeat(61) });
  });

  it('throws for close codes that cannot be sent, and closes nothing', async () => {
    const { realtime, adas } = await startWithTwo();
    for (const options of [
      { code: 1005 },
      { code: 1006 },
      { code: 999 },
      { code: 5000 },
      { code: 4000.5 },
      { code: '4000' },
      { reason: 7 },
    ]) {
      expect(thrown(() => realtime.disconnect({ everyone: true }, options as never))).to.have.property(
        'code',
        'ERR_REALTIME_CLOSE_CODE',
      );
    }
    await realtime.send({ everyone: true }, 'n', 'marker');
    expect(await adas.next('n')).to.equal('marker');
  });
});

describe('sender.forTenant', () => {
  it('reaches one tenant only, with no word of it in the target', async () => {
    const { realtime, login } = await startApp({ multiTenant: true });
    const one = await login({ ...ada, tenantId: 1 });
    const two = await login({ ...ada, tenantId: 2 });
    const sender = realtime.forTenant(1);
    expect((await sender.send({ everyone: true }, 'n', 1)).delivered).to.equal(1);
    expect((await sender.send({ userId: 7, userType: 1, tenantId: '1' }, 'n', 2)).delivered).to.equal(1);
    for (const target of [
      { everyone: true, tenantId: 2 },
      { everyone: true, allTenants: true },
    ] as const) {
      expect(thrown(() => sender.send(target, 'n', 'leak'))).to.have.property('code', 'ERR_REALTIME_TENANT');
    }
    for (const tenantId of ['', null, undefined, 2 ** 53, {}]) {
      expect(thrown(() => realtime.forTenant(tenantId as never))).to.have.property('code', 'ERR_REALTIME_TENANT');
    }
    expect([await one.next('n'), await one.next('n')]).to.deep.equal([1, 2]);
    await realtime.send({ everyone: true, tenantId: 2 }, 'n', 'marker');
    expect(await two.nextMessage()).to.include({ content: 'marker' });
  });
});

describe('app.locals.sender', () => {
  it('is the sender, typed, for every route of the app', async () => {
    const { url, login } = await startApp({
      mount: (app) =>
        app.get('/push', async (req, res) => {
          const sender: Sender = req.app.locals.sender;
          res.json(await sender.send({ everyone: true }, 'n', 'from a route'));
        }),
    });
    const client = await login(ada);
    expect(await (await fetch(`${url}/push`)).json()).to.include({ delivered: 1, relay: 'none' });
    expect(await client.next('n')).to.equal('from a route');
  });

  it('is gone after close', async () => {
    const { app, realtime } = await startApp();
    expect(app.locals.sender).to.equal(realtime.sender);
    await realtime.close();
    expect(app.locals).not.to.have.property('sender');
  });
});
