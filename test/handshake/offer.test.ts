import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import express4 from 'express4';
import { TLS_IDENTITY } from '../session/tls-identity';
import { closeAll, expectServed, openDoor, portOf, started } from './support';

// What clients that would rather speak another protocol send on plain requests: Java's HttpClient, curl --http2.
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];
const TLS = ['Connection: Upgrade', 'Upgrade: TLS/1.0'];
const LIST = ['Connection: Upgrade', 'Upgrade: h2c, websocket'];

/** One conversation on one connection: parts are written one by one, `answers` is how many responses end it. */
interface Conversation {
  readonly title: string;
  parts(offer: readonly string[]): readonly Buffer[];
  /** Where a part waits until so many answers have come. */
  readonly answersBefore?: readonly number[];
  readonly answers: number;
}

const CONVERSATIONS: readonly Conversation[] = [
  { title: 'GET', answers: 1, parts: (offer) => [request('GET', '/echo', offer)] },
  { title: 'HEAD', answers: 1, parts: (offer) => [request('HEAD', '/echo', offer)] },
  { title: 'GET of our path', answers: 1, parts: (offer) => [request('GET', '/ws', offer)] },
  { title: 'POST of 2 kB', answers: 1, parts: (offer) => [post('/echo', offer, body(2000))] },
  {
    title: 'POST of 200 kB in pieces',
    answers: 1,
    parts: (offer) => pieces(post('/echo', offer, body(200_000)), 7),
  },
  {
    title: 'POST in chunks',
    answers: 1,
    parts: (offer) => [
      request('POST', '/echo', [...offer, 'Transfer-Encoding: chunked']),
      Buffer.from('5\r\nhello\r\n'),
      Buffer.from('6\r\n world\r\n0\r\n\r\n'),
    ],
  },
  {
    title: 'requests in turn on one connection',
    answers: 3,
    answersBefore: [0, 1, 2],
    parts: (offer) => [
      request('GET', '/echo?1', offer),
      post('/echo?2', offer, body(300)),
      request('GET', '/echo?3', []),
    ],
  },
  {
    title: 'an offer pipelined behind other requests',
    answers: 3,
    parts: (offer) => [
      Buffer.concat([request('GET', '/echo?1', []), post('/echo?2', [], body(300)), request('GET', '/echo?3', offer)]),
    ],
  },
  {
    // Node drops what comes in one piece behind an offer, with or without us.
    title: 'requests pipelined behind an offer',
    answers: 1,
    parts: (offer) => [Buffer.concat([request('GET', '/echo?1', offer), request('GET', '/echo?2', [])])],
  },
];

const APPS: readonly { readonly title: string; make(): RequestListener }[] = [
  { title: 'plain handler', make: () => answerEcho },
  { title: 'Express 5', make: () => express().use(answerEcho) },
  { title: 'Express 4', make: () => express4().use(answerEcho) },
];

describe('offers of other protocols', () => {
  afterEach(closeAll);

  for (const app of APPS) {
    describe(app.title, () => {
      for (const conversation of CONVERSATIONS) {
        it(`answers ${conversation.title} as without us`, async () => {
          const [ours, twin] = await startTwins(() => createServer(app.make()));
          for (const offer of [H2C, TLS, LIST]) {
            expect(await talk(ours, conversation, offer)).to.equal(await talk(twin, conversation, offer));
          }
          await expectServed(ours);
        });
      }
    });
  }

  it('answers as without us on a TLS server', async () => {
    const [ours, twin] = await startTwins(() => createTlsServer(TLS_IDENTITY, express().use(answerEcho)));
    for (const conversation of CONVERSATIONS) {
      expect(await talk(ours, conversation, H2C)).to.equal(await talk(twin, conversation, H2C));
    }
    await expectServed(ours);
  });

  it('answers as without us when the server makes requests of a class of its own', async () => {
    class OwnMessage extends IncomingMessage {
      readonly mark = 'own';
    }
    const answerMark: RequestListener = (req, res) => res.end((req as OwnMessage).mark);
    const [ours, twin] = await startTwins(() => createServer({ IncomingMessage: OwnMessage }, answerMark));
    const [conversation] = CONVERSATIONS as readonly [Conversation];
    const answer = await talk(ours, conversation, H2C);
    expect(answer).to.equal(await talk(twin, conversation, H2C));
    expect(answer).to.contain('own');
    await expectServed(ours);
  });

  // Where Node asks a callback before each upgrade there is nothing to fall back from.
  if (!('shouldUpgradeCallback' in createServer())) {
    it('answers them even when Node gives no way to decide before the upgrade', async () => {
      const [ours, twin] = await startTwins(() => createServer(express().use(answerEcho)), hideMessageClass);
      for (const conversation of CONVERSATIONS.filter(({ title }) => !title.includes('pipelined'))) {
        expect(await talk(ours, conversation, H2C)).to.equal(await talk(twin, conversation, H2C));
      }
      await expectServed(ours);
    });
  }

  it('leaves them to other upgrade listeners, as without us', async () => {
    const [ours, twin] = await startTwins(() =>
      createServer(answerEcho).on('upgrade', (req, socket) => socket.end(`took ${req.headers.upgrade ?? ''}`)),
    );
    const [conversation] = CONVERSATIONS as readonly [Conversation];
    const answer = await talk(ours, conversation, H2C);
    expect(answer).to.equal(await talk(twin, conversation, H2C));
    expect(answer).to.equal('took h2c');
    await expectServed(ours);
  });

  it('leaves the server as it was when the last door closes', async () => {
    const server = await started(createServer(answerEcho));
    const before = stateOf(server);
    const first = openDoor(server);
    const second = openDoor(server, { path: '/two' });
    first.handshake.close();
    await expectServed(server, { path: '/two' });
    second.handshake.close();
    second.handshake.close();
    expect(stateOf(server)).to.deep.equal(before);
    const twin = await started(createServer(answerEcho));
    const [conversation] = CONVERSATIONS as readonly [Conversation];
    expect(await talk(server, conversation, H2C)).to.equal(await talk(twin, conversation, H2C));
  });
});

function stateOf(server: Server): unknown {
  const slots = server as unknown as Record<string | symbol, unknown>;
  const message = Object.getOwnPropertySymbols(server).find(({ description }) => description === 'IncomingMessage');
  return {
    listeners: server.listeners('upgrade'),
    emit: slots['emit'],
    ownsEmit: Object.hasOwn(server, 'emit'),
    message: message && slots[message],
    decide: slots['shouldUpgradeCallback'],
  };
}

async function startTwins(make: () => Server, prepare?: (server: Server) => void): Promise<[Server, Server]> {
  const ours = make();
  prepare?.(ours);
  openDoor(ours);
  return [await started(ours), await started(make())];
}

function hideMessageClass(server: Server): void {
  const slots = server as unknown as Record<symbol, unknown>;
  const key = Object.getOwnPropertySymbols(server).find(({ description }) => description === 'IncomingMessage');
  // Node makes requests of its own class then.
  if (key !== undefined) slots[key] = undefined;
}

const answerEcho: RequestListener = (req, res) => {
  const hash = createHash('sha256');
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  req.on('end', () => {
    res.setHeader('X-Saw', `${req.method ?? ''} ${req.url ?? ''}`);
    res.end(`<${bytes} ${hash.digest('hex').slice(0, 8)} ${String((req as { upgrade?: unknown }).upgrade)}>`);
  });
};

/** Holds one conversation and gives all that came back, without what differs from second to second. */
async function talk(server: Server, conversation: Conversation, offer: readonly string[]): Promise<string> {
  const socket = openSocket(server);
  const chunks: string[] = [];
  let wake = (): void => undefined;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk.toString('latin1'));
    wake();
  });
  const isDone = once(socket, 'close').then(() => wake());
  const countAnswers = (): number => chunks.join('').split(/HTTP\/1\.1 \d{3}[^]*?\r\n\r\n(?:<[^>]*>|own)?/).length - 1;
  const waitFor = async (count: number): Promise<void> => {
    while (countAnswers() < count && !socket.destroyed) await new Promise<void>((resolve) => (wake = resolve));
  };
  for (const [index, part] of conversation.parts(offer).entries()) {
    await waitFor(conversation.answersBefore?.[index] ?? 0);
    if (!socket.write(part)) await Promise.race([once(socket, 'drain'), isDone]);
  }
  await waitFor(conversation.answers);
  socket.end();
  await isDone;
  return chunks.join('').replace(/Date: [^\r]*/g, 'Date: now');
}

function openSocket(server: Server): Socket {
  const port = portOf(server);
  if (!('setSecureContext' in server)) return connect(port, '127.0.0.1');
  return connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
}

function request(method: string, target: string, headers: readonly string[]): Buffer {
  return Buffer.from([`${method} ${target} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n'));
}

function post(target: string, headers: readonly string[], content: Buffer): Buffer {
  return Buffer.concat([request('POST', target, [...headers, `Content-Length: ${content.length}`]), content]);
}

function body(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'abcdefghijklm');
}

function pieces(whole: Buffer, count: number): Buffer[] {
  const size = Math.ceil(whole.length / count);
  return Array.from({ length: count }, (_, index) => whole.subarray(index * size, (index + 1) * size));
}
