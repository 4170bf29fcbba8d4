import { expect } from 'chai';
import { MESSAGE_ERRORS, MessageError } from '../../lib/index';
import type { Session } from '../../lib/index';
import type { TestClient } from '../../lib/testing/index';
import type { AppServer, AppServerOptions } from '../support/app-server';

/** A frame of v1, parsed. */
export interface WireFrame {
  readonly type: string;
  readonly content: unknown;
  readonly id?: string | number;
}

/** Starts the server whose wire is looked at, with options of one case. */
export type StartServer = (options?: AppServerOptions) => Promise<AppServer>;

/** A peer that writes and reads text, and knows nothing of the protocol. */
export class RawClient {
  readonly #client: TestClient;

  constructor(client: TestClient) {
    this.#client = client;
  }

  get protocol(): string {
    return this.#client.protocol;
  }

  get closed(): Promise<{ readonly code: number }> {
    return this.#client.closed;
  }

  send(frame: string | object): void {
    this.#client.sendText(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  text(): Promise<string> {
    return this.#client.nextText();
  }

  async frame(): Promise<WireFrame> {
    return JSON.parse(await this.text()) as WireFrame;
  }

  /** Sends a frame and reads one. */
  ask(frame: string | object): Promise<WireFrame> {
    this.send(frame);
    return this.frame();
  }

  close(): Promise<unknown> {
    return this.#client.close();
  }
}

/** Opens a raw client; it has read `$hello`, unless it speaks the plain wire. */
export async function openRaw(server: AppServer, { isPlain = false } = {}): Promise<RawClient> {
  const protocols = isPlain ? [] : ['express-realtime.v1'];
  const raw = new RawClient(await server.login({ id: 7 }, { protocols }));
  if (!isPlain) expect((await raw.frame()).type).to.equal('$hello');
  return raw;
}

/** What every server of protocol v1 does, as PROTOCOL.md states it. Call it inside `describe`. */
export function itSpeaksTheWire(start: StartServer): void {
  describe('handshake', () => itShakesHands(start));
  describe('messages and requests', () => itAnswers(start));
  describe('errors', () => itRefuses(start));
  describe('requests of the server', () => itAsks(start));
  describe('a plain client', () => itLeavesPlainClientsAlone(start));
}

function itShakesHands(start: StartServer): void {
  it('selects the protocol by name and says $hello first, before what onOpen sends', async () => {
    const server = await start({ heartbeatMs: 12_000, onOpen: (session) => void session.send('news', 1) });
    const client = await server.login({ id: 7 }, { protocols: ['other', 'express-realtime.v1'] });
    expect(client.protocol).to.equal('express-realtime.v1');
    const hello = JSON.parse(await client.nextText()) as { type: string; content: Record<string, unknown> };
    expect(hello).to.have.all.keys('type', 'content');
    expect(hello.type).to.equal('$hello');
    const [session] = server.realtime.hub.list();
    expect(hello.content).to.deep.equal({
      sessionId: session?.id,
      pingIntervalMs: 12_000,
      features: ['request', 'auth', 'expiring', 'draining'],
    });
    expect(await client.nextText()).to.equal('{"type":"news","content":1}');
  });

  it('never echoes the token that rides beside the protocol', async () => {
    const server = await start({
      authenticate: (req) => (req.headers.authorization === 'Bearer s3cret' ? { id: 7 } : null),
    });
    const client = await server.login(null, { token: 's3cret', tokenIn: 'protocol' });
    expect(client.protocol).to.equal('express-realtime.v1');
    expect(await client.nextText()).not.to.include('s3cret');
  });

  it('says in $hello how long the login lasts', async () => {
    const server = await start();
    const client = await server.login(
      { id: 7, expiresAtMs: Date.now() + 3_600_000 },
      { protocols: ['express-realtime.v1'] },
    );
    const { content } = JSON.parse(await client.nextText()) as { content: { expiresInMs: number } };
    expect(content.expiresInMs).to.be.within(3_500_000, 3_600_000);
  });
}

const ids: readonly (string | number)[] = [
  ...['a', '1', 'x'.repeat(64), '😀', '\u0000', '\ud800', '__proto__', 'constructor', ' '],
  ...[0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
];

function itAnswers(start: StartServer): void {
  it('pushes content as plain JSON', async () => {
    const server = await start();
    const raw = await openRaw(server);
    const values = [{ a: [1, null, 'ü😀', { b: false }] }, [], '', 'text', 0, -1.5e300, true, null];
    for (const value of values) {
      server.realtime.hub.list()[0]?.send('push', value);
      expect(await raw.frame()).to.deep.equal({ type: 'push', content: value });
    }
  });

  it('answers a message with an id by what the handler returned, at once or later', async () => {
    const server = await start();
    server.realtime.registry.on('now', (content) => ({ got: content }));
    server.realtime.registry.on('later', async (content) => ({ got: content }));
    server.realtime.registry.on('nothing', () => undefined);
    const raw = await openRaw(server);
    for (const type of ['now', 'later']) {
      const reply = await raw.ask({ type, id: 1, content: { a: 1 } });
      expect(reply).to.deep.equal({ type: '$reply', id: 1, content: { got: { a: 1 } } });
    }
    expect(await raw.ask({ type: 'nothing', id: 2 })).to.deep.equal({ type: '$reply', id: 2, content: null });
  });

  it('takes a missing content as null', async () => {
    const server = await start();
    server.realtime.registry.on('echo', (content) => [content]);
    const raw = await openRaw(server);
    expect((await raw.ask({ type: 'echo', id: 1 })).content).to.deep.equal([null]);
    // Unlike on the plain wire, text is text.
    expect((await raw.ask({ type: 'echo', id: 1, content: '{"a":1}' })).content).to.deep.equal(['{"a":1}']);
    expect((await raw.ask({ type: 'echo', id: 1, content: '' })).content).to.deep.equal(['']);
  });

  it('answers nothing to a message without an id', async () => {
    const server = await start();
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    raw.send({ type: 'echo', content: 1 });
    raw.send({ type: 'echo', id: null, content: 2 });
    expect(await raw.ask({ type: 'echo', id: 'marker', content: 3 })).to.include({ id: 'marker' });
  });

  it('echoes ids as they came: strings of 1 to 64 units and safe integers', async () => {
    const server = await start();
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    for (const id of ids) {
      expect(await raw.ask({ type: 'echo', id, content: 1 })).to.deep.equal({ type: '$reply', id, content: 1 });
    }
    expect((await raw.ask('{"type":"echo","id":1e3}')).id).to.equal(1000);
  });

  it('lets an id be used again after its answer', async () => {
    const server = await start();
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    for (const content of [1, 2, 3])
      expect((await raw.ask({ type: 'echo', id: 'same', content })).content).to.equal(content);
  });

  it('ignores fields it does not know, and types of the protocol that it does not know', async () => {
    const server = await start();
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    raw.send({ type: '$later', id: 1, content: {} });
    raw.send({ type: '$hello', content: {} });
    raw.send({ type: '$', id: 2 });
    raw.send({ type: '$reply', id: 99, content: 'nobody asked' });
    raw.send({ type: '$error', id: 99, content: null });
    raw.send({ type: '$reply' });
    const reply = await raw.ask({ type: 'echo', id: 3, content: 1, trace: 'x', priority: { high: true } });
    expect(reply).to.deep.equal({ type: '$reply', id: 3, content: 1 });
    expect(server.errors).to.deep.equal([]);
  });

  it('handles messages in their order, one after another', async () => {
    const server = await start();
    const steps: string[] = [];
    server.realtime.registry.on('step', async (content) => {
      steps.push(`begin ${String(content)}`);
      await Promise.resolve();
      steps.push(`end ${String(content)}`);
    });
    const raw = await openRaw(server);
    for (const content of ['a', 'b']) raw.send({ type: 'step', id: content, content });
    expect([(await raw.frame()).id, (await raw.frame()).id]).to.deep.equal(['a', 'b']);
    expect(steps).to.deep.equal(['begin a', 'end a', 'begin b', 'end b']);
  });

  it('answers ping with pong at once, past a handler that runs', async () => {
    const server = await start();
    let finish: (() => void) | undefined;
    server.realtime.registry.on('slow', () => new Promise<void>((resolve) => (finish = resolve)));
    const raw = await openRaw(server);
    raw.send({ type: 'slow', id: 1 });
    raw.send('ping');
    expect(await raw.text()).to.equal('pong');
    finish?.();
    expect(await raw.frame()).to.deep.equal({ type: '$reply', id: 1, content: null });
  });
}

/** What a code of the table looks like on the wire. */
function errorFrame(code: keyof typeof MESSAGE_ERRORS, id?: string | number): WireFrame {
  return { type: '$error', ...(id === undefined ? {} : { id }), content: { code, ...MESSAGE_ERRORS[code] } };
}

function itRefuses(start: StartServer): void {
  const unreadable: readonly (readonly ['bad_json' | 'bad_message', string])[] = [
    ...['', 'hello', 'PING', '{', '{"type":"echo","id":1', "{'type':'echo'}", '\u0000'].map(
      (text) => ['bad_json', text] as const,
    ),
    ...['null', '1', '"echo"', '[]', 'true', '{}', '{"type":null}', '{"type":7}', '{"type":""}', '{"id":1}'].map(
      (text) => ['bad_message', text] as const,
    ),
    ...['""', `"${'x'.repeat(65)}"`, '1.5', '9007199254740992', 'true', '[]', '{}'].map(
      (id) => ['bad_message', `{"type":"echo","id":${id}}`] as const,
    ),
    ['bad_message', `{"type":"${'x'.repeat(129)}","id":1}`],
  ];

  it('bad_json and bad_message carry no id, and the session goes on', async () => {
    const server = await start({ maxMessagesPerSecond: 0 });
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    for (const [code, text] of unreadable) expect(await raw.ask(text), text).to.deep.equal(errorFrame(code));
    expect((await raw.ask({ type: 'echo', id: 1, content: 'still here' })).content).to.equal('still here');
  });

  it('unknown_type, invalid_content, forbidden: with the id, or without where there was none', async () => {
    const server = await start();
    const { registry } = server.realtime;
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => (typeof value === 'string' ? { value } : { issues: [{ message: 'no' }] }),
      },
    } as const;
    registry.on('text', { schema }, (content) => content);
    registry.on('admin', { userTypes: ['admin'] }, () => 'never');
    registry.on('closed', { authorize: async () => false }, () => 'never');
    const raw = await openRaw(server);
    const cases = [
      ['other', 'unknown_type'],
      ['toString', 'unknown_type'],
      ['text', 'invalid_content'],
      ['admin', 'forbidden'],
      ['closed', 'forbidden'],
    ] as const;
    for (const [type, code] of cases) {
      expect(await raw.ask({ type, id: 'x', content: 5 })).to.deep.equal(errorFrame(code, 'x'));
      expect(await raw.ask({ type, content: 5 })).to.deep.equal(errorFrame(code));
    }
  });

  it('internal for whatever a handler throws; its text stays here', async () => {
    const server = await start();
    const faults: unknown[] = [new Error('s3cret'), 's3cret', null, undefined, { code: 's3cret', message: 's3cret' }];
    server.realtime.registry.on('throw', (content) => {
      throw faults[content as number];
    });
    server.realtime.registry.on('reject', (content) => Promise.reject(faults[content as number]));
    const raw = await openRaw(server);
    for (const type of ['throw', 'reject']) {
      for (const content of faults.keys()) {
        expect(await raw.ask({ type, id: content, content })).to.deep.equal(errorFrame('internal', content));
      }
    }
  });

  it('internal for a reply that is no JSON', async () => {
    const server = await start();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    server.realtime.registry.on('circular', () => circular);
    server.realtime.registry.on('bigint', async () => 1n);
    const raw = await openRaw(server);
    for (const type of ['circular', 'bigint']) {
      expect(await raw.ask({ type, id: 1 })).to.deep.equal(errorFrame('internal', 1));
    }
  });

  it('the code and text of a MessageError', async () => {
    const server = await start();
    server.realtime.registry.on('rename', (content) => {
      throw new MessageError('taken', 'this name is taken', { retryable: content === 1 });
    });
    const raw = await openRaw(server);
    for (const content of [0, 1]) {
      expect(await raw.ask({ type: 'rename', id: 1, content })).to.deep.equal({
        type: '$error',
        id: 1,
        content: { code: 'taken', message: 'this name is taken', retryable: content === 1 },
      });
    }
    expect(server.errors).to.deep.equal([]);
  });

  it('a code that is no text as text: the process lives', async () => {
    const server = await start();
    const codes: readonly unknown[] = [404, 1n];
    server.realtime.registry.on('number', (content) => {
      throw new MessageError(codes[content as number] as string, 'no');
    });
    const raw = await openRaw(server);
    for (const [content, code] of ['404', '1'].entries()) {
      expect(await raw.ask({ type: 'number', id: 1, content })).to.deep.include({
        content: { code, message: 'no', retryable: false },
      });
    }
  });

  it('timeout for a handler that overruns; what it returns later is not an answer', async () => {
    const server = await start({ handlerTimeoutMs: 50 });
    let finish: ((value: string) => void) | undefined;
    server.realtime.registry.on('slow', () => new Promise((resolve) => (finish = resolve)));
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    expect(await raw.ask({ type: 'slow', id: 1 })).to.deep.equal(errorFrame('timeout', 1));
    finish?.('late');
    expect(await raw.ask({ type: 'echo', id: 2, content: 1 })).to.include({ id: 2, content: 1 });
  });

  it('busy above maxQueuedMessages; what waits is answered all the same', async () => {
    const server = await start({ maxQueuedMessages: 2 });
    const finish: (() => void)[] = [];
    server.realtime.registry.on('slow', () => new Promise<void>((resolve) => finish.push(resolve)));
    const raw = await openRaw(server);
    for (const id of [1, 2, 3, 4]) raw.send({ type: 'slow', id });
    expect(await raw.frame()).to.deep.equal(errorFrame('busy', 4));
    for (const id of [1, 2, 3]) {
      finish.shift()?.();
      expect(await raw.frame()).to.deep.equal({ type: '$reply', id, content: null });
    }
  });

  it('rate_limited above maxMessagesPerSecond; an answer that is too much is refused without its id', async () => {
    const server = await start({ maxMessagesPerSecond: 1 });
    server.realtime.registry.on('echo', (content) => content);
    const raw = await openRaw(server);
    raw.send({ type: 'echo', id: 1 });
    raw.send({ type: 'echo', id: 2 });
    raw.send({ type: 'echo', id: 3 });
    raw.send({ type: '$reply', id: 3 });
    expect([await raw.frame(), await raw.frame()].map(({ type, id }) => [type, id])).to.deep.equal([
      ['$reply', 1],
      ['$reply', 2],
    ]);
    expect(await raw.frame()).to.deep.equal(errorFrame('rate_limited', 3));
    expect(await raw.frame()).to.deep.equal(errorFrame('rate_limited'));
  });

  it('closes with 1003 after a binary frame, 1009 above maxPayloadBytes, 4429 after a flood', async () => {
    const server = await start({ maxPayloadBytes: 1024, maxMessagesPerSecond: 1 });
    const big = await openRaw(server);
    big.send('x'.repeat(1025));
    expect((await big.closed).code).to.equal(1009);
    const binary = await server.login({ id: 7 }, { protocols: ['express-realtime.v1'] });
    binary.socket.send(Buffer.from('{}'), { binary: true });
    expect((await binary.closed).code).to.equal(1003);
    const flood = await openRaw(server);
    for (let sent = 0; sent < 10; sent += 1) flood.send({ type: 'echo' });
    expect((await flood.closed).code).to.equal(4429);
  });
}

function itAsks(start: StartServer): void {
  /** A raw client, and its session on the server. */
  async function openPair(options: { isPlain?: boolean } = {}): Promise<{ raw: RawClient; session: Session }> {
    const server = await start();
    const raw = await openRaw(server, options);
    const session = server.realtime.hub.list()[0] as Session;
    return { raw, session };
  }

  async function codeOf(promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      () => 'no error',
      (error: { code?: unknown }) => error.code,
    );
  }

  it('writes an id, and takes the reply to it, in any order', async () => {
    const { raw, session } = await openPair();
    const answers = [session.request('where', { zoom: 1 }), session.request('where', { zoom: 2 })];
    const asked = [await raw.frame(), await raw.frame()];
    expect(asked.map(({ type, content }) => [type, content])).to.deep.equal([
      ['where', { zoom: 1 }],
      ['where', { zoom: 2 }],
    ]);
    for (const { id, content } of asked.toReversed()) raw.send({ type: '$reply', id, content: { saw: content } });
    expect(await Promise.all(answers)).to.deep.equal([{ saw: { zoom: 1 } }, { saw: { zoom: 2 } }]);
  });

  it('takes a reply while a handler of the same session waits for it', async () => {
    const server = await start();
    server.realtime.registry.on('begin', async (_content, session) => session.request('sure?', null));
    const raw = await openRaw(server);
    const { id } = await raw.ask({ type: 'begin', id: 'outer' });
    expect(await raw.ask({ type: '$reply', id, content: 'yes' })).to.deep.equal({
      type: '$reply',
      id: 'outer',
      content: 'yes',
    });
  });

  it('rejects with what the client refused with, whatever its shape', async () => {
    const { raw, session } = await openPair();
    const shapes: readonly (readonly [unknown, string])[] = [
      [{ code: 'denied', message: 'no', retryable: true }, 'denied'],
      [{ code: 7 }, 'internal'],
      ['no', 'internal'],
      [null, 'internal'],
      [[], 'internal'],
    ];
    for (const [content, code] of shapes) {
      const answer = codeOf(session.request('where', null));
      raw.send({ type: '$error', id: (await raw.frame()).id, content });
      expect(await answer).to.equal(code);
    }
  });

  it('settles a request once; a second answer and a foreign id change nothing', async () => {
    const { raw, session } = await openPair();
    const answer = session.request('where', null);
    const { id } = await raw.frame();
    raw.send({ type: '$reply', id: `${String(id)}`, content: 'a string is another id' });
    raw.send({ type: '$reply', id, content: 'first' });
    raw.send({ type: '$error', id, content: { code: 'second' } });
    expect(await answer).to.equal('first');
  });

  it('rejects on timeout, abort and close; a late reply is ignored', async () => {
    const { raw, session } = await openPair();
    expect(await codeOf(session.request('where', null, { timeoutMs: 10 }))).to.equal('ERR_REALTIME_TIMEOUT');
    const abort = new AbortController();
    const aborted = codeOf(session.request('where', null, { signal: abort.signal }));
    abort.abort();
    expect(await aborted).to.equal('ERR_REALTIME_TIMEOUT');
    expect(await codeOf(session.request('where', null, { signal: abort.signal }))).to.equal('ERR_REALTIME_TIMEOUT');
    const late = [await raw.frame(), await raw.frame()];
    for (const { id } of late) raw.send({ type: '$reply', id, content: 'late' });
    const open = codeOf(session.request('where', null, { timeoutMs: Infinity }));
    await raw.frame();
    await raw.close();
    expect(await open).to.equal('ERR_REALTIME_CLOSED');
    expect(await codeOf(session.request('where', null))).to.equal('ERR_REALTIME_CLOSED');
  });

  it('rejects for a plain client, to whom nothing is written', async () => {
    const { raw, session } = await openPair({ isPlain: true });
    expect(await codeOf(session.request('where', null))).to.equal('ERR_REALTIME_WIRE');
    // Nobody awaits it: no unhandled rejection either.
    void session.request('where', null);
    session.send('marker', 1);
    expect(await raw.text()).to.equal('{"type":"marker","content":"1"}');
  });
}

function itLeavesPlainClientsAlone(start: StartServer): void {
  it('gets no $hello, no reply and no error, whatever it sends', async () => {
    const server = await start({ maxMessagesPerSecond: 20 });
    server.realtime.registry.on('echo', (content) => content);
    server.realtime.registry.on('fail', () => {
      throw new MessageError('taken', 'this name is taken');
    });
    server.realtime.registry.on('mark', (_content, session) => void session.send('marker', null));
    const raw = await openRaw(server, { isPlain: true });
    expect(raw.protocol).to.equal('');
    raw.send({ type: 'echo', id: 1, content: '1' });
    for (const text of ['{', 'null', '{"type":"other","id":1}', '{"type":"fail","id":1}', '{"type":"$auth","id":1}'])
      raw.send(text);
    raw.send({ type: 'mark', content: '1' });
    expect(await raw.text()).to.equal('{"type":"marker","content":"null"}');
    raw.send('ping');
    expect(await raw.text()).to.equal('pong');
  });

  it('gets no $draining when the server closes, only the close code', async () => {
    const server = await start();
    const raw = await openRaw(server, { isPlain: true });
    const text = raw.text().catch(() => 'nothing came');
    await server.realtime.close();
    expect((await raw.closed).code).to.equal(1001);
    expect(await text).to.equal('nothing came');
  });
}
