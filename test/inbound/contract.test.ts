import { expect } from 'chai';
import { z } from 'zod';
import type { Session } from '../../lib/index';
import { defineMessages } from '../../lib/index';
import type { AppServerOptions } from '../support/app-server';
import { startApp } from '../support/app-server';

const messages = defineMessages({
  clientToServer: { chat: z.object({ text: z.string(), times: z.number().default(1) }), later: z.string() },
  serverToClient: { shipped: z.object({ id: z.number() }), slow: z.string().refine(async () => true) },
});

async function startContracted(options: AppServerOptions = {}) {
  const server = await startApp({ messages, ...options });
  const client = await server.login({ id: 7 });
  const session = server.realtime.hub.list()[0] as Session;
  return { ...server, client, session };
}

describe('contract: messages in', () => {
  it('validates content, fills it in, and refuses what does not fit', async () => {
    const { realtime, client, session, nextError } = await startContracted();
    realtime.registry.on('chat', (content) => session.send('shipped', { id: (content as { times: number }).times }));
    client.send('chat', { text: 1 });
    expect((await nextError()).error.message).to.match(/chat was refused: invalid_content/);
    client.send('chat', { text: 'a' });
    expect(await client.next('shipped')).to.deep.equal({ id: 1 });
  });

  it('is overruled by a schema of the handler', async () => {
    const { realtime, client, session } = await startContracted();
    realtime.registry.on('chat', { schema: z.string() }, (content) => session.send('shipped', { id: content.length }));
    client.send('chat', 'four');
    expect(await client.next('shipped')).to.deep.equal({ id: 4 });
  });

  it('refuses handlers of types that it does not have', async () => {
    const { realtime } = await startContracted();
    for (const type of ['chta', 'shipped', 'toString', '__proto__']) {
      expect(() => realtime.registry.on(type, () => undefined))
        .to.throw(`message type ${type} is not in clientToServer of the contract`)
        .with.property('code', 'ERR_REALTIME_TYPE');
    }
  });

  it('refuses messages of types that it does not have', async () => {
    const { client, nextError } = await startContracted();
    client.send('chta', { text: 'a' });
    expect((await nextError()).error.message).to.match(/refused: unknown_type/);
  });
});

describe('contract: messages out', () => {
  const before = process.env['NODE_ENV'];
  afterEach(() => {
    if (before === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = before;
  });

  /** All the ways out, called with what is wrong. */
  function waysOut({ realtime, session }: Awaited<ReturnType<typeof startContracted>>) {
    return [
      (type: string, content: unknown) => realtime.sender.send({ userId: 7 }, type, content),
      (type: string, content: unknown) => realtime.sender.sendText({ userId: 7 }, type, JSON.stringify(content)),
      (type: string, content: unknown) => session.send(type, content),
      (type: string, content: unknown) => session.sender.send({ userId: 7 }, type, content),
      (type: string, content: unknown) => session.request(type, content),
    ];
  }

  it('are checked in development, at the call', async () => {
    const started = await startContracted();
    for (const send of waysOut(started)) {
      expect(() => send('shiped', { id: 1 }))
        .to.throw('message type shiped is not in serverToClient of the contract')
        .with.property('code', 'ERR_REALTIME_TYPE');
      expect(() => send('shipped', { id: '1' }))
        .to.throw('content of shipped does not fit its schema at id')
        .with.property('code', 'ERR_REALTIME_CONTENT');
      expect(() => send('shipped', null)).to.throw('does not fit its schema at its root');
    }
    started.session.send('shipped', { id: 1 });
    expect(await started.client.nextText()).to.equal('{"type":"shipped","content":"{\\"id\\":1}"}');
  });

  it('are not waited for where a schema is asynchronous', async () => {
    const { session, client } = await startContracted();
    session.send('slow', 'text');
    expect(await client.next('slow')).to.equal('text');
  });

  it('are not checked in production', async () => {
    process.env['NODE_ENV'] = 'production';
    const { session, client } = await startContracted();
    session.send('shipped', { id: 'not a number' });
    expect(await client.next('shipped')).to.deep.equal({ id: 'not a number' });
    session.send('shiped', 1);
    expect(await client.next('shiped')).to.equal(1);
  });

  it('are unchecked without a contract', async () => {
    const { session, client } = await startContracted({ messages: undefined as never });
    session.send('any', { a: 1 });
    expect(await client.next('any')).to.deep.equal({ a: 1 });
  });
});

describe('defineMessages', () => {
  it('gives back what it was given, and names what is no schema or no type', () => {
    const contract = { clientToServer: { a: z.string() }, serverToClient: {} };
    expect(defineMessages(contract)).to.equal(contract);
    expect(() => defineMessages({ clientToServer: {}, serverToClient: { a: { parse: 1 } as never } }))
      .to.throw('serverToClient.a must be a Standard Schema object')
      .with.property('code', 'ERR_REALTIME_OPTION');
    expect(() => defineMessages({ clientToServer: { $a: z.string() }, serverToClient: {} }))
      .to.throw()
      .with.property('code', 'ERR_REALTIME_TYPE');
  });
});
