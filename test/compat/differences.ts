import { expect } from 'chai';
import { STATUS_CODES } from 'node:http';
import type { TestServer } from '../session/support';
import type { RecordedFrame, SocketOutcome } from './vectors';
import { Opcode, RawPeer } from '../session/raw-peer';
import { codeOf } from '../session/support';
import { longText } from './replay';

/** What is done here instead of what was recorded; only what differs is named. */
export interface Difference {
  readonly ids: readonly string[];
  readonly why: string;
  /** The answer to a handshake. */
  readonly answer?: Partial<Answer>;
  /** Headers of the recording that are not sent here. */
  readonly withoutHeaders?: readonly string[];
  /** What sockets get; the others as recorded. */
  readonly sockets?: Readonly<Record<string, Partial<SocketOutcome>>>;
  /** The reason in close frames. */
  readonly closeReason?: string;
  /** By what other call of the sender the sockets get the same. */
  readonly via?: string;
  /** What the call of the sender throws, or how many sockets it reaches. */
  readonly call?: string | number;
  /** What else shows that the way taken here serves the purpose. */
  also?(server: TestServer): Promise<void>;
}

/** What a client sees of the answer to its handshake. */
export interface Answer {
  readonly status: number;
  /** The headers that RFC 6455 speaks of, by name, those that are there. */
  readonly negotiated: Readonly<Record<string, string>>;
  readonly body: string;
  readonly tcp: SocketOutcome['tcp'];
}

const ids = (area: string, ...numbers: readonly number[]): string[] =>
  numbers.map((number) => `${area}-${String(number).padStart(3, '0')}`);
const text = (type: string, content: unknown): RecordedFrame => ({
  op: 'text',
  text: JSON.stringify({ type, content: JSON.stringify(content) }),
});
const received = (fromUserId: number, message: string, single: boolean): RecordedFrame =>
  text('demo-message-receive', { fromUserId, text: message, single });
const nothing: Partial<SocketOutcome> = { frames: [], tcp: 'left open' };
const refused = (status: number): Partial<Answer> => ({
  status,
  negotiated: {},
  body: `${STATUS_CODES[status] ?? ''}\n`,
  tcp: 'closed by server',
});
const accepted: Partial<Answer> = {
  status: 101,
  negotiated: { upgrade: 'websocket', 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' },
  body: '',
  tcp: 'left open',
};

/**
 * Every recorded case in which this package does something else on purpose, with the reason. A case that is not here
 * does what was recorded; a row that no longer differs fails the test.
 */
export const DIFFERENCES: readonly Difference[] = [
  // Handshake
  {
    ids: ids('handshake', ...Array.from({ length: 34 }, (_, index) => index + 1)),
    why: 'headers of the servlet container and its security filter; to a WebSocket they mean nothing, and none opens the door to other origins',
    withoutHeaders: [
      'vary',
      'access-control-allow-origin',
      'access-control-allow-credentials',
      'cache-control',
      'pragma',
      'expires',
      'x-content-type-options',
      'x-xss-protection',
      'keep-alive',
    ],
  },
  {
    ids: ids('handshake', 3, 4, 5, 6, 8, 17),
    why: 'a refused login is a real 401 and the connection is closed: 200 with nothing in it tells a client nothing',
    answer: refused(401),
  },
  {
    ids: ids('handshake', 7),
    why: 'an outage of the token service is a real 500, reported to onError; the peer is told no details',
    answer: refused(500),
    also: checkOutage,
  },
  {
    ids: ids('handshake', 11),
    why: 'the scheme of Authorization has no case (RFC 9110 §11.1): "bearer" is as good as "Bearer"',
    answer: accepted,
  },
  {
    ids: ids('handshake', 12, 13, 16),
    why: 'two different tokens in one request are refused: which of them counts must not be a matter of luck',
    answer: refused(400),
  },
  {
    ids: ids('handshake', 20, 21),
    why: 'a foreign origin is refused by default: any page could open a socket with the user’s cookies',
    answer: refused(403),
  },
  {
    ids: ids('handshake', 22, 23, 26),
    why: 'an upgrade to a path that is nobody’s is a real 404, whoever asks',
    answer: refused(404),
  },
  {
    ids: ids('handshake', 24),
    why: 'one trailing slash is tolerated',
    answer: accepted,
  },
  {
    ids: ids('handshake', 25),
    why: 'one trailing slash is tolerated, and a request without a token is a real 401',
    answer: refused(401),
  },
  {
    ids: ids('handshake', 27, 28, 29),
    why: 'plain HTTP on the path is the application’s own business: here it has no such route',
    answer: { status: 404, body: 'no such page', tcp: 'left open' },
  },
  {
    ids: ids('handshake', 30, 31),
    why: 'a wrong version is 426 and the connection closed, before anybody looks at the token',
    answer: { ...refused(426), negotiated: { upgrade: 'websocket', 'sec-websocket-version': '13' } },
  },
  {
    ids: ids('handshake', 19),
    why: 'no compression: frames are encoded once for all receivers',
    answer: accepted,
  },
  {
    ids: ids('handshake', 32),
    why: 'the same status with a word in the body',
    answer: { body: 'Bad Request\n' },
  },

  // Frames and closing
  {
    ids: ids('frame', 10, 11),
    why: 'the same code with a reason of our own',
    closeReason: 'binary messages are not supported',
  },
  {
    ids: ids('frame', 12),
    why: 'a message is one frame however long it is: fragments gain nothing and cost a write each',
    sockets: { A: { frames: [received(1, longText(8192, 'a'), true)] } },
  },
  {
    ids: ids('frame', 13),
    why: 'the limit is 65,536 bytes (maxPayloadBytes), not 8,192 UTF-16 units',
    sockets: { A: { frames: [received(1, longText(8193, 'a'), true)], tcp: 'left open' } },
    also: checkPayloadLimit,
  },
  {
    ids: ids('frame', 14, 16),
    why: 'the limit is 65,536 bytes (maxPayloadBytes); what is no message is dropped, the socket stays',
    sockets: { A: nothing },
  },
  {
    ids: ids('frame', 15),
    why: 'a message is one frame however long it is',
    sockets: { A: { frames: [received(1, longText(24_071, '中'), true)] } },
  },
  {
    ids: ids('frame', 17, 18, 19, 20),
    why: 'the same codes without a reason: the container’s words are its own',
    closeReason: '',
  },
  {
    ids: ids('close', 2),
    why: 'a close without a code is answered without a code (RFC 6455 §7.1.5)',
    sockets: { A: { frames: [{ op: 'close', code: null, reason: '' }] } },
  },

  // Envelope and content
  {
    ids: ids('envelope', 15, 16),
    why: 'a text that is not one JSON value is no message: what follows the first value is not ignored',
    sockets: { A: nothing },
  },
  {
    ids: ids('envelope', 22),
    why: 'content that is an object is taken as it is: a page need not encode twice',
    sockets: { A: { frames: [received(1, 'x', true)] } },
  },
  {
    ids: ids('listener-content', 12),
    why: 'JavaScript’s numbers hold 53 bits: a listener that wants 64 asks for text, and refuses a rounded number',
    sockets: { A: nothing },
  },
  {
    ids: ids('listener-content', 32),
    why: 'half a surrogate pair is passed on as the escape that it came as; it makes no receiver drop',
    sockets: {
      A: { frames: [text('probe-seen', { null: false, num: null, at: null, text: '\ud83d' })] },
    },
  },
  {
    ids: ids('listener-content', 33),
    why: 'content is JSON text in both directions: a string goes out in quotes',
    sockets: { A: { frames: [text('string-seen', 'abc')] } },
  },
  {
    ids: ids('listener-content', 35),
    why: 'content is JSON text in both directions: the string "5" goes out in quotes',
    sockets: { A: { frames: [text('string-seen', '5')] } },
  },
  {
    ids: ids('listener-content', 36),
    why: 'content is JSON text in both directions: null goes out as the text null',
    sockets: { A: { frames: [text('string-seen', null)] } },
  },

  // Tenants
  {
    ids: ids('demo', 9),
    why: 'a message to a user never leaves the tenant of its sender',
    sockets: { X: nothing },
  },
  {
    ids: ids('demo', 25, 27),
    why: 'the same user id in two tenants is two users',
    sockets: { X: nothing },
  },
  {
    ids: ids('demo', 26),
    why: 'the same user id in two tenants is two users: each socket of the tenant gets its message',
    sockets: { A: { frames: [received(2, 'hi', false)] } },
  },
  {
    ids: ids('push', 4),
    why: 'a send without a tenant throws; every tenant is reached only when asked for by name',
    call: 'ERR_REALTIME_TENANT',
    sockets: { A: nothing, B: nothing, X: nothing },
    also: checkAllTenants,
  },
  {
    ids: ids('push', 8),
    why: 'a session of another tenant is not reached',
    call: 0,
    sockets: { X: nothing },
  },
  {
    ids: ids('push', 12),
    why: 'a user of another tenant is not reached',
    call: 0,
    sockets: { B: nothing },
  },

  // What may be pushed
  {
    ids: ids('push', 21, 22, 24, 25),
    why: 'sendText takes JSON text only: a receiver that parses content must not fail',
    call: 'ERR_REALTIME_CONTENT',
    sockets: { B: nothing },
  },
  {
    ids: ids('push', 26, 27),
    why: 'a message without a type is a mistake and throws',
    call: 'ERR_REALTIME_TYPE',
    sockets: { B: nothing },
  },
  {
    ids: ids('push', 29, 30, 31, 32, 33),
    why: 'sendText takes JSON text only; JSON text of that size goes out in one frame',
    call: 'ERR_REALTIME_CONTENT',
    sockets: { B: nothing },
    also: checkLongTexts,
  },

  {
    ids: ids('push', 15),
    why: 'JavaScript has no 64-bit and no decimal numbers: what another program wrote is forwarded verbatim by sendText',
    via: 'sendText',
    also: checkNoBigint,
  },

  // Compression
  {
    ids: ids('deflate', 1),
    why: 'no compression (and the text is no JSON): frames are encoded once for all receivers',
    call: 'ERR_REALTIME_CONTENT',
    sockets: { B: nothing },
    also: checkNoDeflate,
  },
  {
    ids: ids('deflate', 2),
    why: 'no compression is negotiated: frames are encoded once for all receivers',
    sockets: { B: { frames: [{ op: 'text', text: 'pong' }] } },
  },
];

async function open(server: TestServer, token: string, headers: readonly string[] = []): Promise<RawPeer> {
  return RawPeer.open(`ws://127.0.0.1:${server.port}/infra/ws?token=${token}`, headers);
}

async function leave(server: TestServer, ...peers: readonly RawPeer[]): Promise<void> {
  const { opened } = server;
  for (const peer of peers) peer.socket.destroy();
  await server.closings(opened.length);
}

async function checkOutage(server: TestServer): Promise<void> {
  const told = server.errors.length;
  const peer = await open(server, 'boom');
  expect(peer.status).to.equal(500);
  expect(server.errors.slice(told).map(({ message }) => message)).to.deep.equal(['the token service fails']);
  await peer.gone();
}

async function checkPayloadLimit(server: TestServer): Promise<void> {
  const peer = await open(server, 't1');
  peer.send(Opcode.text, 'x'.repeat(65_536));
  peer.send(Opcode.text, 'ping');
  await peer.got(Opcode.text);
  peer.send(Opcode.text, 'x'.repeat(65_537));
  await peer.got(Opcode.close);
  expect(peer.frames.at(-1)?.payload.readUInt16BE()).to.equal(1009);
  await leave(server, peer);
}

async function checkAllTenants(server: TestServer): Promise<void> {
  const peers = [await open(server, 't1'), await open(server, 'x9'), await open(server, 'm7')];
  const { delivered } = await server.realtime.send({ userType: 2, allTenants: true }, 'notice-push', { id: 1 });
  expect(delivered).to.equal(2);
  await leave(server, ...peers);
}

async function checkLongTexts(server: TestServer): Promise<void> {
  const peer = await open(server, 't2');
  for (const [index, length] of [8000, 8192, 9000, 100_000, 200_000].entries()) {
    const jsonText = `"${'a'.repeat(length - 2)}"`;
    await server.realtime.sendText({ userType: 2, userId: 2, tenantId: 1 }, 'raw', jsonText);
    await peer.got(Opcode.text, index + 1);
    expect(peer.texts[index]).to.equal(JSON.stringify({ type: 'raw', content: jsonText }));
  }
  expect(peer.frames.every(({ isFinal }) => isFinal)).to.equal(true);
  await leave(server, peer);
}

async function checkNoDeflate(server: TestServer): Promise<void> {
  const peer = await open(server, 't2', ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits']);
  expect(peer.header('Sec-WebSocket-Extensions')).to.equal(undefined);
  await server.realtime.send({ userType: 2, userId: 2, tenantId: 1 }, 'raw', 'a'.repeat(400));
  await peer.got(Opcode.text);
  expect(peer.frames[0]?.hasRsv1).to.equal(false);
  expect(peer.texts[0]).to.equal(JSON.stringify({ type: 'raw', content: JSON.stringify('a'.repeat(400)) }));
  await leave(server, peer);
}

async function checkNoBigint(server: TestServer): Promise<void> {
  const { realtime } = server;
  for (const content of [2n, { over: 9007199254740993n }]) {
    expect(codeOf(() => realtime.send({ everyone: true, allTenants: true }, 'kind', content))).to.equal(
      'ERR_REALTIME_CONTENT',
    );
  }
}
