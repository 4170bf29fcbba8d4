import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { attachRealtime } from '../../lib/index';
import { ConnectRefusedError, connect, refusal, tryConnect } from '../../lib/testing/index';
import { closeAfterTest, listen, openClient, startApp, tokenOf } from '../support/app-server';
import { TLS_IDENTITY } from '../session/tls-identity';

const ada = { id: 7 };
const token = tokenOf(ada);

describe('testing kit: connect', () => {
  it('resolves to a client that sends and takes messages', async () => {
    const { server, realtime } = await startApp();
    realtime.registry.on('echo', (content, session) => session.send('echoed', content));
    const client = await connect(server, { token });
    client.send('echo', { a: 1 });
    expect(await client.next('echoed')).to.deep.equal({ a: 1 });
    client.send('echo');
    expect(await client.next('echoed')).to.equal(null);
    expect(await client.close()).to.deep.equal({ code: 1000, reason: '' });
  });

  it('misses nothing: a message that comes with the handshake waits in the queue', async () => {
    const { server } = await startApp({ onOpen: (session) => session.send('welcome', session.loginUser?.id) });
    const client = await openClient(server, { token });
    expect(await client.next('welcome')).to.equal(7);
  });

  it('takes messages of a type in their order and leaves the others', async () => {
    const { login, realtime } = await startApp();
    const client = await login(ada);
    for (const [type, content] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['c', 4],
    ] as const) {
      await realtime.send({ userId: 7 }, type, content);
    }
    expect(await client.next('c')).to.equal(4);
    expect(client.unread.map(({ type }) => type)).to.deep.equal(['a', 'b', 'a']);
    expect(await client.next('a')).to.equal(1);
    expect(await client.next('a')).to.equal(3);
    expect(await client.nextMessage()).to.include({ type: 'b', content: 2 });
    expect(client.unread).to.deep.equal([]);
  });

  it('gives frames as text, messages or not', async () => {
    const { login, realtime } = await startApp();
    const client = await login(ada);
    client.sendText('ping');
    expect(await client.nextText()).to.equal('pong');
    client.sendText('ping');
    await realtime.send({ userId: 7 }, 'n', 1);
    expect(await client.nextMessage()).to.deep.equal({ type: 'n', content: 1, text: '{"type":"n","content":"1"}' });
    expect(await client.nextText()).to.equal('pong');
  });

  it('ends a wait when its time is over, and says what came instead', async () => {
    const { login, realtime } = await startApp();
    const client = await login(ada);
    await realtime.send({ userId: 7 }, 'other', 1);
    await client.nextMessage();
    await realtime.send({ userId: 7 }, 'another', 1);
    const failure = await client.next('chat', { timeoutMs: 50 }).catch(String);
    expect(failure).to.equal('Error: a message of type chat did not come: waited 50 ms; unread: another');
    await realtime.send({ userId: 7 }, 'chat', 2);
    expect(await client.next('chat')).to.equal(2);
  });

  it('ends every wait when the connection is over; what came before can still be taken', async () => {
    const { login, realtime } = await startApp();
    const client = await login(ada);
    const waits = [client.next('chat').catch(String), client.next('chat').catch(String)];
    await realtime.send({ userId: 7 }, 'last', 1);
    await realtime.disconnect({ userId: 7 }, { code: 4403, reason: 'removed' });
    expect(await client.closed).to.deep.equal({ code: 4403, reason: 'removed' });
    for (const failure of await Promise.all(waits)) {
      expect(failure).to.match(/did not come: the connection was closed: 4403 removed; unread: last/);
    }
    expect(await client.next('last')).to.equal(1);
    expect(await client.next('last').catch(String)).to.match(/closed: 4403/);
  });

  it('tells an end without close frame as 1006', async () => {
    const { login, realtime } = await startApp();
    const client = await login(ada);
    for (const session of realtime.hub.list()) session.socket.terminate();
    expect(await client.closed).to.deep.equal({ code: 1006, reason: '' });
    const other = await login(ada);
    expect((await other.terminate()).code).to.equal(1006);
  });

  it('puts the token where it is asked to, and sends headers', async () => {
    const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
    const { server } = await startApp({
      authenticate: ({ url, headers }) => {
        seen.push({ url, headers });
        return ada;
      },
    });
    await openClient(server, { token, tokenIn: 'header', headers: { cookie: 'a=b' } });
    await openClient(server, { token, tokenIn: 'query', path: '/ws?x=1' });
    const client = await openClient(server, { token, tokenIn: 'protocol' });
    expect(client.protocol).to.equal('express-realtime.v1');
    expect(seen[0]?.headers).to.include({ authorization: `Bearer ${token}`, cookie: 'a=b' });
    expect(seen[1]?.url).to.match(/^\/ws\?x=1&token=/);
    for (const { headers } of seen) expect(headers.authorization).to.equal(`Bearer ${token}`);
    const encoded = Buffer.from(token).toString('base64url');
    expect(seen[2]?.headers['sec-websocket-protocol']).to.equal(`express-realtime.v1,bearer.${encoded}`);
  });

  it('speaks v1 when the server selects it', async () => {
    const { server, realtime } = await startApp();
    realtime.registry.on('add', (content) => content);
    const client = await openClient(server, { token, protocols: ['express-realtime.v1'] });
    await realtime.send({ userId: 7 }, 'n', { a: 1 });
    expect(await client.next('n')).to.deep.equal({ a: 1 });
    client.send('add', 3, 'one');
    expect(await client.next('$reply')).to.equal(3);
  });

  it('gives refusals as values', async () => {
    const { server, realtime } = await startApp();
    const answer = await refusal(server);
    expect(answer.status).to.equal(401);
    expect(answer.headers).to.have.property('content-length');
    expect(answer.body).to.be.a('string');
    expect(await tryConnect(server)).to.deep.include({ status: 401 });
    expect((await refusal(server, { token, headers: { origin: 'https://evil.example' } })).status).to.equal(403);
    expect(realtime.hub.count()).to.equal(0);
  });

  it('says who was refused where a client was wanted, and the other way round', async () => {
    const { server, realtime } = await startApp();
    const error = await connect(server).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConnectRefusedError).with.nested.property('refusal.status', 401);
    expect(String(error)).to.match(/refused: 401/);
    expect(await refusal(server, { token }).catch(String)).to.match(/was not refused/);
    expect(realtime.hub.count()).to.equal(0);
  });

  it('takes a URL, with http: or ws:, with the path or without', async () => {
    const { url, realtime } = await startApp();
    await openClient(url, { token });
    await openClient(`${url.replace('http', 'ws')}/ws?a=b`, { token });
    await openClient(`${url}/elsewhere`, { token, path: '/ws' });
    expect(realtime.hub.count()).to.equal(3);
  });

  it('waits for a server that is about to listen', async () => {
    const app = express();
    const server = app.listen(0, '127.0.0.1');
    const realtime = attachRealtime(server, { authenticate: () => ada });
    closeAfterTest(async () => {
      await realtime.close();
      server.close();
    });
    await openClient(server);
    expect(realtime.hub.count()).to.equal(1);
  });

  it('gives up on a server that does not listen, or is not there', async () => {
    expect(await connect(createServer(), { timeoutMs: 20 }).catch(String)).to.match(/does not listen after 20 ms/);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    expect(await connect(`http://127.0.0.1:${port}`).catch(String)).to.match(/ECONNREFUSED/);
  });

  it('connects to a TLS server that is given as a value', async () => {
    const server = createTlsServer(TLS_IDENTITY, express());
    await listen(server);
    const realtime = attachRealtime(server, { authenticate: () => ada });
    closeAfterTest(() => realtime.close());
    await openClient(server);
    expect(realtime.hub.count()).to.equal(1);
  });
});
