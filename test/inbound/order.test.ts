import { expect } from 'chai';
import type { MessageContext } from '../../lib/index';
import { raise } from '../support/raise';
import { startApp } from '../support/app-server';

const ada = { id: 7 };

/** A promise and its resolver. */
function deferred<Value = void>() {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('messages in: handlers', () => {
  it('of one session run one after another, in the order of arrival', async () => {
    const { login, realtime } = await startApp();
    const log: string[] = [];
    const gates = [deferred(), deferred(), deferred()];
    realtime.registry.on('work', async (content, session) => {
      const index = content as number;
      log.push(`start ${index}`);
      await gates[index]?.promise;
      log.push(`end ${index}`);
      session.send('done', index);
    });
    realtime.registry.on('sync', (content, session) => {
      log.push(`sync ${String(content)}`);
      session.send('done', content);
    });
    const client = await login(ada);
    client.send('work', 0);
    client.send('work', 1);
    client.send('sync', 'a');
    client.send('work', 2);
    // Opened in the wrong order: nothing overtakes.
    gates[2]?.resolve();
    gates[1]?.resolve();
    gates[0]?.resolve();
    for (const expected of [0, 1, 'a', 2]) expect(await client.next('done')).to.equal(expected);
    expect(log).to.deep.equal(['start 0', 'end 0', 'start 1', 'end 1', 'sync a', 'start 2', 'end 2']);
  });

  it('of other sessions do not wait', async () => {
    const { login, realtime } = await startApp();
    const gate = deferred();
    realtime.registry.on('wait', async (_content, session) => {
      await gate.promise;
      session.send('done', null);
    });
    realtime.registry.on('fast', (_content, session) => session.send('done', null));
    const [slow, fast] = [await login(ada), await login({ id: 8 })];
    slow.send('wait');
    fast.send('fast');
    await fast.next('done');
    expect(slow.unread).to.deep.equal([]);
    gate.resolve();
    await slow.next('done');
  });

  it('may be slow: text ping is answered meanwhile', async () => {
    const { login, realtime } = await startApp();
    const gate = deferred();
    const started = deferred();
    realtime.registry.on('wait', async () => {
      started.resolve();
      await gate.promise;
    });
    realtime.registry.on('marker', (_content, session) => session.send('marker', null));
    const client = await login(ada);
    client.send('wait');
    client.send('marker');
    await started.promise;
    client.sendText('ping');
    expect(await client.nextText()).to.equal('pong');
    gate.resolve();
    await client.next('marker');
  });

  const boom = new Error('boom');
  const faults: readonly (readonly [string, () => unknown, string])[] = [
    ['throws', () => raise(boom), 'boom'],
    ['rejects', () => Promise.reject(boom), 'boom'],
    ['throws a string', () => raise('boom'), 'a string was thrown'],
    ['throws null', () => raise(null), 'null was thrown'],
    ['rejects with nothing', async () => raise(undefined), 'undefined was thrown'],
    [
      'returns a thenable that rejects',
      () => ({ then: (_: unknown, reject: (e: Error) => void) => reject(boom) }),
      'boom',
    ],
    ['returns a thenable that throws', () => ({ then: () => raise(boom) }), 'boom'],
    [
      'returns what throws when asked for then',
      () => Object.defineProperty({}, 'then', { get: () => raise(boom) }),
      'boom',
    ],
  ];
  for (const [name, fault, message] of faults) {
    it(`that ${name}: reported with session and type, socket open, the next message is handled`, async () => {
      const { login, realtime, nextError } = await startApp();
      realtime.registry.on('bad', fault);
      realtime.registry.on('echo', (content, session) => session.send('echo', content));
      const client = await login(ada);
      client.send('bad');
      client.send('echo', 1);
      const { error, origin } = await nextError();
      expect(error.message).to.equal(message);
      expect(origin.type).to.equal('bad');
      expect(origin.session?.loginUser?.id).to.equal(7);
      expect(await client.nextText()).to.equal('{"type":"echo","content":"1"}');
    });
  }

  it('that never settle are given up after handlerTimeoutMs: signal aborted, reported, next message handled', async () => {
    const { login, realtime, nextError } = await startApp({ handlerTimeoutMs: 40 });
    const contexts: MessageContext[] = [];
    realtime.registry.on('hang', (_content, _session, context) => {
      contexts.push(context);
      return new Promise(() => undefined);
    });
    realtime.registry.on('echo', (content, session) => session.send('echo', content));
    const client = await login(ada);
    client.send('hang');
    client.send('echo', 1);
    const { error, origin } = await nextError();
    expect(error).to.have.property('code', 'ERR_REALTIME_TIMEOUT');
    expect(origin.type).to.equal('hang');
    expect(await client.next('echo')).to.equal(1);
    // Asked for only now: it tells all the same.
    expect(contexts[0]?.signal.aborted).to.equal(true);
  });

  it('hear of the timeout on their signal, and what they do later disturbs nobody', async () => {
    const { login, realtime, nextError, errors } = await startApp({ handlerTimeoutMs: 40 });
    const late = deferred();
    realtime.registry.on('slow', async (_content, _session, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await late.promise;
      throw new Error('too late');
    });
    realtime.registry.on('echo', (content, session) => session.send('echo', content));
    const client = await login(ada);
    client.send('slow');
    expect((await nextError()).error).to.have.property('code', 'ERR_REALTIME_TIMEOUT');
    late.resolve();
    client.send('echo', 1);
    expect(await client.next('echo')).to.equal(1);
    expect(errors).to.have.length(1);
  });

  it('do not run when authorize took until the timeout: the peer was told, the next message has run', async () => {
    const { login, realtime, nextError } = await startApp({ handlerTimeoutMs: 40 });
    const verdict = deferred<boolean>();
    const handled: unknown[] = [];
    realtime.registry.on('guarded', { authorize: () => verdict.promise }, (content) => handled.push(content));
    realtime.registry.on('echo', (content, session) => session.send('echo', content));
    const client = await login(ada);
    client.send('guarded', 1);
    expect((await nextError()).error).to.have.property('code', 'ERR_REALTIME_TIMEOUT');
    verdict.resolve(true);
    client.send('echo', 1);
    expect(await client.next('echo')).to.equal(1);
    expect(handled).to.deep.equal([]);
  });

  it('do not run when their session ended while authorize was asked', async () => {
    const { login, realtime } = await startApp();
    const [verdict, asked] = [deferred<boolean>(), deferred()];
    const handled: unknown[] = [];
    const authorize = (): Promise<boolean> => {
      asked.resolve();
      return verdict.promise;
    };
    realtime.registry.on('guarded', { authorize }, (content) => handled.push(content));
    realtime.registry.on('echo', (content, session) => session.send('echo', content));
    const client = await login(ada);
    client.send('guarded', 1);
    await asked.promise;
    await realtime.disconnect({ userId: 7 });
    await client.closed;
    verdict.resolve(true);
    const marker = await login(ada);
    marker.send('echo', 1);
    expect(await marker.next('echo')).to.equal(1);
    expect(handled).to.deep.equal([]);
  });

  it('hear on their signal that they closed their own session before they first waited', async () => {
    const { login, realtime } = await startApp();
    const aborted = deferred();
    realtime.registry.on('quit', async (_content, session, { signal }) => {
      session.close();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.resolve();
    });
    const client = await login(ada);
    client.send('quit');
    await aborted.promise;
    await client.closed;
  });

  it('may take for ever with handlerTimeoutMs: 0', async () => {
    const { login, realtime, errors } = await startApp({ handlerTimeoutMs: 0 });
    const gate = deferred();
    realtime.registry.on('slow', async (_content, session) => {
      await gate.promise;
      session.send('done', null);
    });
    const client = await login(ada);
    client.send('slow');
    client.sendText('ping');
    await client.nextText();
    gate.resolve();
    await client.next('done');
    expect(errors).to.deep.equal([]);
  });

  it('hear on their signal that the session is over; what waits behind them is dropped', async () => {
    const { login, realtime } = await startApp();
    const aborted = deferred();
    const started = deferred();
    const handled: unknown[] = [];
    realtime.registry.on('work', async (content, _session, { signal }) => {
      handled.push(content);
      started.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.resolve();
    });
    const client = await login(ada);
    client.send('work', 1);
    client.send('work', 2);
    await started.promise;
    client.sendText('ping');
    await client.nextText();
    await client.close();
    await aborted.promise;
    // Its own login comes after all that the first socket sent.
    await login(ada);
    expect(handled).to.deep.equal([1]);
  });

  it('may close their session: what comes after is dropped', async () => {
    const { login, realtime } = await startApp();
    const handled: unknown[] = [];
    realtime.registry.on('quit', (content, session) => {
      handled.push(content);
      session.close(4000, 'bye');
    });
    const client = await login(ada);
    client.send('quit', 1);
    client.send('quit', 2);
    expect(await client.closed).to.deep.equal({ code: 4000, reason: 'bye' });
    expect(handled).to.deep.equal([1]);
  });

  it('that are synchronous set no timer, however many messages come', async () => {
    const { login, realtime } = await startApp({ handlerTimeoutMs: 60_000, maxMessagesPerSecond: 0 });
    const done = deferred();
    let handled = 0;
    realtime.registry.on('work', () => {
      handled += 1;
      if (handled === 100) done.resolve();
    });
    const client = await login(ada);
    const { setInterval: real } = globalThis;
    let timers = 0;
    globalThis.setInterval = Object.assign((...args: Parameters<typeof real>) => {
      timers += 1;
      return real(...args);
    }, real);
    try {
      for (let message = 0; message < 100; message += 1) client.send('work');
      await done.promise;
    } finally {
      globalThis.setInterval = real;
    }
    expect(timers).to.equal(0);
  });

  it('leave no timer: closing with a handler that hangs ends at once', async () => {
    const { login, realtime } = await startApp({ handlerTimeoutMs: 60_000 });
    const started = deferred();
    realtime.registry.on('hang', () => {
      started.resolve();
      return new Promise(() => undefined);
    });
    const client = await login(ada);
    client.send('hang');
    await started.promise;
    await realtime.close();
    expect((await client.closed).code).to.equal(1001);
  });
});
