import { expect } from 'chai';
import { startApp } from '../support/app-server';

const ada = { id: 7 };

async function startEcho() {
  const started = await startApp();
  started.realtime.registry.on('echo', (content, session) => session.send('echo', content));
  return { ...started, client: await started.login(ada) };
}

describe('messages in: content', () => {
  const asNull = ['""', 'null', '"null"', undefined];
  for (const content of asNull) {
    it(`is null for ${content ?? 'a missing content'}`, async () => {
      const { client, realtime } = await startEcho();
      const seen: unknown[] = [];
      realtime.registry.on('look', (each, session) => {
        seen.push(each);
        session.send('done', null);
      });
      client.sendText(content === undefined ? '{"type":"look"}' : `{"type":"look","content":${content}}`);
      await client.next('done');
      expect(seen).to.deep.equal([null]);
    });
  }

  const values: readonly (readonly [string, unknown])[] = [
    ['"{\\"a\\":1}"', { a: 1 }],
    ['{"a":1}', { a: 1 }],
    ['"[1,2]"', [1, 2]],
    ['"\\"text\\""', 'text'],
    ['"0"', 0],
    ['0', 0],
    ['"false"', false],
    ['false', false],
    ['"1.5e3"', 1500],
    ['" 1 "', 1],
    ['"\\"\\ud83d\\ude00\\""', '😀'],
  ];
  for (const [content, value] of values) {
    it(`${content} is ${JSON.stringify(value)}`, async () => {
      const { client } = await startEcho();
      client.sendText(`{"type":"echo","content":${content}}`);
      expect(await client.next('echo')).to.deep.equal(value);
    });
  }

  const broken: readonly (readonly [string, string, string])[] = [
    ['no JSON', 'hello', 'bad_json'],
    ['an empty frame', '', 'bad_json'],
    ['half a message', '{"type":"echo","content":"1"', 'bad_json'],
    ['Ping, which is not ping', 'PING', 'bad_json'],
    ['content that is no JSON', '{"type":"echo","content":"{"}', 'bad_json'],
    ['content that is text', '{"type":"echo","content":"hello"}', 'bad_json'],
    ['a list', '[]', 'bad_message'],
    ['null', 'null', 'bad_message'],
    ['a number', '7', 'bad_message'],
    ['a string', '"echo"', 'bad_message'],
    ['no type', '{"content":"1"}', 'bad_message'],
    ['a type that is null', '{"type":null,"content":"1"}', 'bad_message'],
    ['a type that is empty', '{"type":"","content":"1"}', 'bad_message'],
    ['a type that is a number', '{"type":7,"content":"1"}', 'bad_message'],
    ['a type that is an object', '{"type":{},"content":"1"}', 'bad_message'],
    ['a type that is too long', `{"type":"${'x'.repeat(129)}","content":"1"}`, 'bad_message'],
    ['an unknown type', '{"type":"other","content":"1"}', 'unknown_type'],
    ['a type with other letters', '{"type":"Echo","content":"1"}', 'unknown_type'],
    ['a type of the protocol', '{"type":"$hello","content":"1"}', 'unknown_type'],
    ['the type constructor', '{"type":"constructor","content":"1"}', 'unknown_type'],
    ['the type __proto__', '{"type":"__proto__","content":"1"}', 'unknown_type'],
    ['the type toString', '{"type":"toString","content":"1"}', 'unknown_type'],
    ['the type hasOwnProperty', '{"type":"hasOwnProperty","content":"1"}', 'unknown_type'],
  ];
  for (const [name, text, code] of broken) {
    it(`${name}: ${code}, silence on the wire, the session goes on`, async () => {
      const { client, nextError, events, realtime } = await startEcho();
      client.sendText(text);
      const { error, origin } = await nextError();
      expect(error).to.have.property('code', 'ERR_REALTIME_REFUSED');
      expect(error.message).to.include(`refused: ${code}: `);
      const [session] = realtime.hub.list();
      expect(origin.session).to.equal(session);
      expect(events.filter((event) => event.name === 'message.refused')).to.have.length(1);
      expect(events.find((event) => event.name === 'message.refused')).to.include({ code, sessionId: session?.id });
      client.send('echo', 1);
      expect(await client.nextText()).to.equal('{"type":"echo","content":"1"}');
    });
  }

  it('names of a peer are safe to log: cut and escaped', async () => {
    const { client, nextError } = await startEcho();
    client.send(`a\n\u001b[31m${'x'.repeat(100)}`, 1);
    const { error } = await nextError();
    expect(error.message).to.match(/type a\\n\\u001b\[31mx+… was refused/);
  });

  it('no error or event carries content', async () => {
    const { client, nextError, events } = await startEcho();
    client.sendText('{"type":"other","content":"\\"s3cret\\""}');
    client.sendText('s3cret');
    const told = [await nextError(), await nextError()].map(({ error }) => `${error.message}${error.stack}`);
    expect([...told, JSON.stringify(events)].join()).not.to.include('s3cret');
  });

  it('handlers may be registered under the names of Object.prototype', async () => {
    const { client, realtime } = await startEcho();
    for (const type of ['__proto__', 'constructor', 'toString']) {
      realtime.registry.on(type, (content, session) => session.send('got', [type, content]));
      client.send(type, 1);
      expect(await client.next('got')).to.deep.equal([type, 1]);
    }
  });

  it('__proto__ in content or message pollutes nothing', async () => {
    const { client, realtime } = await startEcho();
    realtime.registry.on('look', (content, session) => {
      session.send('polluted', [Object.keys(content as object), 'admin' in {}, 'admin' in (content as object)]);
    });
    client.sendText('{"type":"look","content":"{\\"__proto__\\":{\\"admin\\":true}}"}');
    expect(await client.next('polluted')).to.deep.equal([['__proto__'], false, false]);
    client.sendText(
      '{"__proto__":{"type":"look","admin":true},"type":"look","content":{"constructor":{"prototype":{"admin":1}}}}',
    );
    expect(await client.next('polluted')).to.deep.equal([['constructor'], false, false]);
    client.sendText('{"__proto__":{"type":"echo","content":"1"}}');
    client.send('echo', 'marker');
    expect(await client.next('echo')).to.equal('marker');
  });

  it('deep nesting neither crashes the process nor ends the session', async () => {
    const { client, realtime } = await startEcho();
    realtime.registry.on('look', (content, session) => session.send('isArray', Array.isArray(content)));
    const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    client.sendText(`{"type":"look","content":${deep(30_000)}}`);
    client.sendText(`{"type":"look","content":"${deep(30_000)}"}`);
    client.sendText('['.repeat(60_000));
    client.send('echo', 'marker');
    expect(await client.next('echo')).to.equal('marker');
  });
});
