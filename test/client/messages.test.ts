import { expect } from 'chai';
import { ClientError } from '../../lib/client/index';
import { codeOf, pass, settle, startRig, useFakeClock } from './support';

describe('client: messages', () => {
  useFakeClock();

  it('gives a message to all listeners of its type, in their order', async () => {
    const { client, socket } = await startRig();
    const heard: unknown[] = [];
    client.on('news', (content) => heard.push(['a', content]));
    const stop = client.on('news', (content) => heard.push(['b', content]));
    client.on('other', (content) => heard.push(['c', content]));
    socket.open().push('news', { x: 1 });
    stop();
    stop();
    socket.push('news', null);
    expect(heard).to.deep.equal([
      ['a', { x: 1 }],
      ['b', { x: 1 }],
      ['a', null],
    ]);
  });

  it('gives two equal messages as two, and calls a listener twice that listens twice', async () => {
    const { client, socket } = await startRig();
    const heard: unknown[] = [];
    const listener = (content: unknown): unknown => heard.push(content);
    const stop = client.on('news', listener);
    client.on('news', listener);
    socket.open().push('news', 'same');
    socket.push('news', 'same');
    expect(heard).to.have.length(4);
    stop();
    socket.push('news', 'same');
    expect(heard).to.have.length(5);
  });

  it('a listener that throws or rejects is told, and costs the others nothing', async () => {
    const { client, socket, errors } = await startRig();
    const [fault, later, heard] = [new Error('now'), new Error('later'), [] as unknown[]];
    client.on('news', () => {
      throw fault;
    });
    client.on('news', () => Promise.reject(later));
    client.on('news', (content) => heard.push(content));
    client.onStatus(() => {
      throw fault;
    });
    socket.open().push('news', 1);
    await settle();
    expect(heard).to.deep.equal([1]);
    expect(errors).to.deep.equal([fault, fault, later]);
    expect(client.status).to.equal('open');
  });

  it('a listener that stops another one while a message is given out breaks nothing', async () => {
    const { client, socket } = await startRig();
    const heard: string[] = [];
    const stops: (() => void)[] = [];
    client.on('news', () => stops.forEach((stop) => stop()));
    stops.push(client.on('news', () => heard.push('b')));
    socket.open().push('news', 1);
    socket.push('news', 2);
    expect(heard.length).to.be.at.most(1);
  });

  it('passes over what it does not understand', async () => {
    const { client, socket, errors } = await startRig();
    const heard: unknown[] = [];
    client.on('toString', (content) => heard.push(content));
    socket.open();
    const odd = ['', 'hello', '{', 'null', '1', '[]', '{}', '{"type":7}', '{"type":null}', '{"type":"$later","id":1}'];
    for (const text of odd) socket.text(text);
    socket.text(new ArrayBuffer(4));
    socket.text(undefined);
    socket.push('hasOwnProperty', 1);
    socket.push('$reply', 1, 99);
    socket.push('$error', { code: 'x' }, 99);
    socket.push('toString', 'still here');
    await settle();
    expect(heard).to.deep.equal(['still here']);
    expect(errors).to.deep.equal([]);
  });

  it('tells an error of the server that belongs to no request', async () => {
    const { socket, errors } = await startRig();
    socket.open().push('$error', { code: 'rate_limited', message: 'too many messages', retryable: true });
    expect(errors[0])
      .to.be.instanceOf(ClientError)
      .and.include({
        ...{ code: 'rate_limited', message: 'too many messages', retryable: true },
      });
  });

  it('writes undefined as null, and throws at once for what is no JSON', async () => {
    const { client, socket } = await startRig();
    socket.open();
    client.send('a', undefined);
    expect(socket.sent).to.deep.equal(['{"type":"a","content":null}']);
    expect(() => client.send('a', 1n)).to.throw(TypeError);
    expect(await client.request('a', 1n).catch((error: unknown) => error)).to.be.instanceOf(TypeError);
    expect(socket.sent).to.have.length(1);
  });
});

describe('client: without a line', () => {
  useFakeClock();

  it('wait keeps messages and sends them in their order, before what a listener of the status sends', async () => {
    const rig = await startRig();
    rig.client.onStatus(({ status }) => status === 'open' && rig.client.send('listener', 3));
    expect(rig.client.send('a', 1)).to.equal(true);
    rig.socket.lose();
    rig.client.send('b', 2);
    await pass(500);
    expect(rig.socket.sent).to.deep.equal([]);
    rig.socket.open();
    expect(rig.socket.frames.map(({ type }) => type)).to.deep.equal(['a', 'b', 'listener']);
  });

  it('wait keeps at most maxQueued', async () => {
    const { client, socket } = await startRig({ maxQueued: 2 });
    client.send('a', 1);
    const request = client.request('b', 2);
    expect(() => client.send('c', 3))
      .to.throw(ClientError)
      .with.property('code', 'queue_full');
    expect(await codeOf(client.request('d', 4))).to.equal('queue_full');
    socket.open();
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(['a', 'b']);
    socket.push('$reply', 'done', socket.frames[1]?.id);
    expect(await request).to.equal('done');
    // The queue is empty again.
    socket.lose();
    client.send('a', 1);
    client.send('b', 2);
    expect(() => client.send('c', 3))
      .to.throw()
      .with.property('code', 'queue_full');
  });

  it('drop forgets them and says so', async () => {
    const { client, socket } = await startRig({ offline: 'drop' });
    expect(client.send('a', 1)).to.equal(false);
    expect(await codeOf(client.request('b', 2))).to.equal('offline');
    socket.open();
    expect(client.send('c', 3)).to.equal(true);
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(['c']);
  });

  it('reject throws', async () => {
    const { client, socket } = await startRig({ offline: 'reject' });
    expect(() => client.send('a', 1))
      .to.throw(ClientError)
      .with.property('code', 'offline');
    expect(await codeOf(client.request('b', 2))).to.equal('offline');
    socket.open();
    expect(socket.sent).to.deep.equal([]);
  });

  it('a request that waits outlives tries that fail, and is sent once', async () => {
    const rig = await startRig();
    const reply = rig.client.request('a', 1);
    rig.socket.lose();
    await pass(500);
    rig.socket.lose();
    await pass(1000);
    rig.socket.open();
    expect(rig.socket.frames).to.have.length(1);
    rig.socket.push('$reply', 'done', rig.socket.frames[0]?.id);
    expect(await reply).to.equal('done');
  });

  it('a request that timed out or was aborted while it waited is not sent any more', async () => {
    const { client, socket } = await startRig();
    const abort = new AbortController();
    const [late, aborted] = [
      codeOf(client.request('late', 1, { timeoutMs: 100 })),
      codeOf(client.request('aborted', 1, { signal: abort.signal })),
    ];
    client.send('kept', 1);
    abort.abort();
    await pass(100);
    expect([await late, await aborted]).to.deep.equal(['timeout', 'aborted']);
    socket.open();
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(['kept']);
  });

  it('what waits is gone with close', async () => {
    const { client } = await startRig();
    const reply = codeOf(client.request('a', 1));
    client.close();
    expect(await reply).to.equal('closed');
    expect(() => client.send('a', 1))
      .to.throw()
      .with.property('code', 'closed');
    expect(await codeOf(client.request('a', 1))).to.equal('closed');
  });
});

describe('client: requests', () => {
  useFakeClock();

  it('match replies by id, in any order', async () => {
    const { client, socket } = await startRig();
    socket.open();
    const replies = Promise.all([client.request('a', 1), client.request('b', 2)]);
    const [first, second] = socket.frames;
    expect([first?.type, second?.type]).to.deep.equal(['a', 'b']);
    socket.push('$reply', 'two', second?.id);
    socket.push('$reply', null, first?.id);
    expect(await replies).to.deep.equal([null, 'two']);
  });

  it('reject with the code, text and retryable of the server', async () => {
    const { client, socket } = await startRig();
    socket.open();
    const reply = client.request('a', 1).catch((error: unknown) => error);
    socket.push('$error', { code: 'taken', message: 'this name is taken', retryable: true }, socket.frames[0]?.id);
    expect(await reply)
      .to.be.instanceOf(ClientError)
      .and.include({
        ...{ code: 'taken', message: 'this name is taken', retryable: true },
      });
  });

  it('reject with internal where the error makes no sense', async () => {
    const { client, socket } = await startRig();
    socket.open();
    for (const content of [null, 7, 'x', {}, { code: 7, message: {} }]) {
      const reply = client.request('a', 1).catch((error: unknown) => error);
      socket.push('$error', content, socket.frames.at(-1)?.id);
      expect(await reply).to.include({ code: 'internal', message: 'refused', retryable: false });
    }
  });

  it('time out after requestTimeoutMs, or what the call says; Infinity waits on', async () => {
    const { client, socket, errors } = await startRig({ requestTimeoutMs: 2000 });
    socket.open();
    const codes: unknown[] = [];
    const note = (name: string, reply: Promise<unknown>) => void codeOf(reply).then((code) => codes.push([name, code]));
    note('default', client.request('a', 1));
    note('short', client.request('a', 1, { timeoutMs: 100 }));
    note('endless', client.request('a', 1, { timeoutMs: Infinity }));
    await pass(100);
    expect(codes).to.deep.equal([['short', 'timeout']]);
    await pass(1900);
    await pass(20_000);
    expect(codes).to.deep.equal([
      ['short', 'timeout'],
      ['default', 'timeout'],
    ]);
    socket.push('$reply', 'late', socket.frames[1]?.id);
    expect([client.status, errors]).to.deep.equal(['open', []]);
  });

  it('are aborted by their signal, before and after they were sent', async () => {
    const { client, socket } = await startRig();
    socket.open();
    const abort = new AbortController();
    const reply = codeOf(client.request('a', 1, { signal: abort.signal }));
    abort.abort();
    expect(await reply).to.equal('aborted');
    expect(await codeOf(client.request('b', 1, { signal: abort.signal }))).to.equal('aborted');
    expect(socket.frames.map(({ type }) => type)).to.deep.equal(['a']);
  });

  it('reject with disconnected when the line goes, closed when the client closes', async () => {
    const { client, socket } = await startRig();
    socket.open();
    const lost = codeOf(client.request('a', 1));
    socket.lose();
    expect(await lost).to.equal('disconnected');
    const closed = codeOf(client.request('a', 1));
    client.close();
    expect(await closed).to.equal('closed');
  });
});

describe('client: asked by the server', () => {
  useFakeClock();

  it('replies with what the first listener returns, at once or later', async () => {
    const { client, socket } = await startRig();
    client.on('now', (content) => ({ got: content }));
    client.on('now', () => expect.fail('only the first one is asked'));
    client.on('later', async (content) => content);
    client.on('nothing', () => undefined);
    socket.open();
    for (const type of ['now', 'later', 'nothing']) {
      socket.push(type, 1, type);
      await settle();
    }
    expect(socket.frames).to.deep.equal([
      { type: '$reply', id: 'now', content: { got: 1 } },
      { type: '$reply', id: 'later', content: 1 },
      { type: '$reply', id: 'nothing', content: null },
    ]);
  });

  it('refuses with the code of a ClientError, internal for all else, unknown_type without a listener', async () => {
    const { client, socket, errors } = await startRig();
    const fault = new Error('s3cret');
    client.on('refuse', () => {
      throw new ClientError('denied', 'not now', true);
    });
    client.on('fail', () => Promise.reject(fault));
    client.on('circular', () => {
      const circular: Record<string, unknown> = {};
      return (circular['self'] = circular);
    });
    socket.open();
    for (const type of ['refuse', 'fail', 'circular', 'other']) {
      socket.push(type, 1, 0);
      await settle();
    }
    const internal = { code: 'internal', message: 'internal error', retryable: true };
    expect(socket.frames.map(({ type, id, content }) => [type, id, content])).to.deep.equal([
      ['$error', 0, { code: 'denied', message: 'not now', retryable: true }],
      ['$error', 0, internal],
      ['$error', 0, internal],
      ['$error', 0, { code: 'unknown_type', message: 'no listener for this type', retryable: false }],
    ]);
    expect(errors).to.have.length(2);
    expect(socket.sent.join()).not.to.include('s3cret');
  });

  it('writes nothing when the line went meanwhile, and nothing of it on the next one', async () => {
    const rig = await startRig();
    let finish: ((value: string) => void) | undefined;
    rig.client.on('slow', () => new Promise((resolve) => (finish = resolve)));
    const old = rig.socket.open();
    old.push('slow', null, 1);
    old.lose();
    await pass(500);
    rig.socket.open();
    finish?.('late');
    await settle();
    expect([old.sent, rig.socket.sent]).to.deep.equal([[], []]);
  });
});

describe('client: a login that ends', () => {
  useFakeClock();

  it('asks for a new token on $expiring and sends it as $auth on the same line', async () => {
    let asked = 0;
    const { client, socket, sockets, errors } = await startRig({ token: async () => `token ${(asked += 1)}` });
    socket.open().push('$expiring', { expiresInMs: 60_000 });
    await settle();
    expect(socket.frames).to.deep.equal([{ type: '$auth', id: 1, content: { token: 'token 2' } }]);
    socket.push('$reply', { expiresInMs: 3_600_000 }, 1);
    await pass(20_000);
    expect([client.status, sockets.length, asked, errors]).to.deep.equal(['open', 1, 2, []]);
  });

  it('tries again after a passing fault of its own or of the server', async () => {
    const fault = new Error('no network');
    const tokens = ['first', fault, 'second', 'third'];
    const { client, socket, errors } = await startRig({
      token: () => {
        const token = tokens.shift();
        if (token instanceof Error) throw token;
        return token;
      },
    });
    socket.open().push('$expiring', { expiresInMs: 60_000 });
    await settle();
    expect([socket.frames, errors]).to.deep.equal([[], [fault]]);
    await pass(500);
    const [first] = socket.frames;
    expect(first?.content).to.deep.equal({ token: 'second' });
    socket.push('$error', { code: 'internal', message: 'internal error', retryable: true }, first?.id);
    await settle();
    await pass(1000);
    expect(socket.frames[1]?.content).to.deep.equal({ token: 'third' });
    socket.push('$reply', {}, socket.frames[1]?.id);
    await pass(20_000);
    expect([socket.frames.length, client.status]).to.deep.equal([2, 'open']);
  });

  it('does not insist where the server says no, where nobody is logged in, or where there is no token', async () => {
    const refused = await startRig({ token: () => 'abc' });
    refused.socket.open().push('$expiring', {});
    await settle();
    refused.socket.push('$error', { code: 'bad_message', message: 'no', retryable: false }, 1);
    const tokens = ['abc', ''];
    const loggedOut = await startRig({ token: () => tokens.shift() });
    loggedOut.socket.open().push('$expiring', {});
    const cookie = await startRig();
    cookie.socket.open().push('$expiring', {});
    await pass(20_000);
    expect([refused, loggedOut, cookie].map(({ socket }) => socket.frames.length)).to.deep.equal([1, 0, 0]);
    expect([refused, loggedOut, cookie].map(({ client }) => client.status)).to.deep.equal(['open', 'open', 'open']);
  });

  it('gives up a new token that never comes after connectTimeoutMs, and asks again', async () => {
    const tokens = ['first', new Promise<string>(() => undefined), 'second'];
    const { client, socket, errors } = await startRig({ token: () => tokens.shift(), connectTimeoutMs: 3000 });
    socket.open().push('$expiring', { expiresInMs: 60_000 });
    await pass(3000);
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include({ code: 'timeout', retryable: true });
    await pass(500);
    expect(socket.frames.map(({ content }) => content)).to.deep.equal([{ token: 'second' }]);
    expect(client.status).to.equal('open');
  });

  it('sends a token on no other line than the one that asked', async () => {
    const gives: ((token: string) => void)[] = [];
    const rig = await startRig({ token: () => new Promise((resolve) => gives.push(resolve)) });
    gives.shift()?.('abc');
    await settle();
    rig.socket.open().push('$expiring', {});
    rig.socket.lose();
    await pass(500);
    gives.pop()?.('new');
    await settle();
    rig.socket.open();
    gives.shift()?.('late');
    await pass(20_000);
    expect(rig.sockets.flatMap(({ frames }) => frames)).to.deep.equal([]);
    expect(rig.errors).to.deep.equal([]);
  });
});
