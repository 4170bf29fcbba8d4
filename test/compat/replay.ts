import type { AnySession, TestServer } from '../session/support';
import type { Frame } from '../session/raw-peer';
import type {
  HandshakeCase,
  HandshakeOutcome,
  RecordedFrame,
  ServerCall,
  SocketCase,
  SocketOutcome,
  Step,
} from './vectors';
import type { Target, TenantSender } from '../../lib/index';
import { Opcode, RawPeer, maskedFrame } from '../session/raw-peer';
import { RealtimeError } from '../../lib/index';

/** What a case gave here: by socket, and for each call of the sender how many sockets it reached or why it threw. */
export interface Replayed {
  readonly sockets: Readonly<Record<string, SocketOutcome>>;
  readonly calls: readonly (number | string)[];
}

/** Sends the recorded request and reads the whole answer. */
export async function replayHandshake(server: TestServer, { request }: HandshakeCase): Promise<HandshakeOutcome> {
  const peer = await RawPeer.request(server.port, request.line, request.headers);
  const bodyLength = Number(peer.header('content-length') ?? 0);
  await peer.until(() => Buffer.byteLength(peer.body) >= bodyLength);
  if (peer.status === 101) {
    // Open means more than not yet closed: it answers.
    peer.send(Opcode.text, 'ping');
    await peer.got(Opcode.text);
  } else if (peer.header('connection') !== 'keep-alive') {
    await peer.gone();
  }
  const outcome: HandshakeOutcome = {
    status: peer.status,
    headers: peer.head.split('\r\n').slice(1),
    body: peer.body,
    tcpAfter900ms: peer.isClosed ? 'closed by server' : 'left open',
  };
  const closings = server.opened.length;
  peer.socket.destroy();
  await server.closings(closings);
  return outcome;
}

/** Opens the sockets of a case, takes its steps, and looks at what each socket got. */
export async function replay(
  server: TestServer,
  row: SocketCase,
  expected: Readonly<Record<string, SocketOutcome>>,
  headers: readonly string[] = [],
): Promise<Replayed> {
  const stage = new Stage(server, headers);
  try {
    for (const [name, token] of Object.entries(row.sockets)) await stage.open(name, token);
    for (const step of row.steps) await stage.take(step, row);
    await stage.settle();
    await stage.settle();
    return { sockets: await stage.outcomes(expected), calls: stage.calls };
  } finally {
    await stage.clear();
  }
}

class Stage {
  readonly calls: (number | string)[] = [];
  readonly #server: TestServer;
  readonly #headers: readonly string[];
  readonly #peers = new Map<string, RawPeer>();
  readonly #sessions = new Map<string, AnySession>();
  readonly #cut = new Set<string>();

  constructor(server: TestServer, headers: readonly string[]) {
    this.#server = server;
    this.#headers = headers;
  }

  async open(name: string, token: string): Promise<void> {
    const url = `ws://127.0.0.1:${this.#server.port}/infra/ws?token=${token}`;
    this.#peers.set(name, await RawPeer.open(url, this.#headers));
    const session = this.#server.opened.at(-1);
    if (session === undefined) throw new Error(`${name} was not let in`);
    this.#sessions.set(name, session);
  }

  async take(step: Step, row: SocketCase): Promise<void> {
    if (step.serverCall !== undefined) return this.#call(step.serverCall, step.contextTenant ?? null);
    const peer = this.#peers.get(step.socket ?? '');
    if (peer === undefined) return undefined;
    if (step.send === 'text') peer.send(Opcode.text, textOf(step, row));
    else if (step.send === 'raw') peer.socket.write(bytesOf(step));
    else await this.#leave(step, peer);
    return undefined;
  }

  /**
   * Asks each socket and waits for its answer: all that was sent before has been dealt with then. The text ping makes
   * the server write what waits; the protocol ping behind it tells our question from those of the case. Sockets that
   * are closing answer no more.
   */
  async settle(): Promise<void> {
    for (const [name, peer] of this.#peers) {
      if (this.#cut.has(name) || peer.count(Opcode.close) > 0) continue;
      const answers = peer.frames.filter(isMarker).length;
      peer.send(Opcode.text, 'ping');
      peer.send(Opcode.ping, MARKER);
      await peer.until(() => peer.frames.filter(isMarker).length > answers || peer.count(Opcode.close) > 0);
    }
  }

  async outcomes(expected: Readonly<Record<string, SocketOutcome>>): Promise<Record<string, SocketOutcome>> {
    const outcomes: Record<string, SocketOutcome> = {};
    for (const [name, peer] of this.#peers) {
      const wanted = expected[name];
      // A close by the server comes right after its close frame: nothing to wait for where none is expected.
      if (wanted?.tcp === 'closed by server') await peer.gone();
      const frames = withoutAnswers(peer.frames);
      outcomes[name] = {
        frames: frames.map((frame, index) => viewOf(frame, wanted?.frames[index])),
        tcp: peer.isClosed && !this.#cut.has(name) ? 'closed by server' : 'left open',
      };
    }
    return outcomes;
  }

  async clear(): Promise<void> {
    const { opened } = this.#server;
    for (const peer of this.#peers.values()) peer.socket.destroy();
    await this.#server.closings(opened.length);
  }

  async #leave(step: Step, peer: RawPeer): Promise<void> {
    const over = this.#server.closings(this.#server.closed.length + 1);
    if (step.send === 'close') {
      const code = Buffer.alloc(2);
      code.writeUInt16BE(step.code ?? 1000);
      peer.send(Opcode.close, code);
    } else {
      this.#cut.add(step.socket ?? '');
      peer.socket.destroy();
    }
    await over;
  }

  /** The recording's call as an application of ours would make it: bound to the tenant it runs for. */
  async #call(call: ServerCall, contextTenant: number | null): Promise<void> {
    const { realtime } = this.#server;
    const sender = contextTenant === null ? realtime : realtime.forTenant(contextTenant);
    try {
      const { delivered } = await sendAs(sender, this.#targetOf(call), call);
      this.calls.push(delivered);
    } catch (error) {
      if (!(error instanceof RealtimeError)) throw error;
      this.calls.push(error.code);
    }
  }

  #targetOf({ sessionId, sessionOf, userType, userId }: ServerCall): Target {
    if (sessionId !== undefined) return { sessionId };
    if (sessionOf !== undefined) return { sessionId: this.#sessions.get(sessionOf)?.id ?? '' };
    if (userType === undefined) throw new Error('a call without a target');
    return userId === undefined ? { userType } : { userType, userId };
  }
}

const MARKER = 'settled';

function isMarker({ opcode, payload }: Frame): boolean {
  return opcode === Opcode.pong && payload.toString() === MARKER;
}

/** The frames of the case alone: each marker goes, and with it the text pong before it. */
function withoutAnswers(all: readonly Frame[]): readonly Frame[] {
  const frames: Frame[] = [];
  for (const frame of all) {
    if (!isMarker(frame)) frames.push(frame);
    else
      frames.splice(
        frames.findLastIndex(({ payload }) => payload.toString() === 'pong'),
        1,
      );
  }
  return frames;
}

function sendAs(sender: TenantSender, target: Target, call: ServerCall): ReturnType<TenantSender['send']> {
  // The recording sends types that are no text; a caller in plain JavaScript can do so here.
  const type = call.type as string;
  if (call.text !== undefined) return sender.sendText(target, type, expand(call.text));
  if (call.fixture === 'nullText') return sender.sendText(target, type, null as unknown as string);
  if (call.fixture === 'pojo') return sender.sendText(target, type, POJO_TEXT);
  return sender.send(target, type, call.fixture === undefined ? call.content : FIXTURES[call.fixture]);
}

/** The recording's values as JavaScript has them: a whole number of 64 bits is text. */
const FIXTURES: Readonly<Record<string, unknown>> = {
  nullObject: null,
  string: 'plain "text"',
  number: 42,
  longOver: '9007199254740993',
  list: [1, 'a'],
};

/** What another program's JSON writer made, with numbers that JavaScript has not: forwarded as it is. */
const POJO_TEXT =
  '{"small":1024,"maxSafeMinus1":9007199254740990,"maxSafe":"9007199254740991","over":"9007199254740993",' +
  '"maxLong":"9223372036854775807","minSafe":"-9007199254740991","prim":"9007199254740993","int32":7,' +
  '"bigInteger":9007199254740993,"bigDecimal":12345678901234567890.10,"dbl":1.0,"flt":0.5,' +
  '"localDateTime":1782865815123,"localDate":[2026,7,1],"localTime":[8,30,15],"date":1782865815123,' +
  '"instant":1782865815123,"duration":1500,"nul":null,' +
  '"text":"中文 😀 \\"quote\\" \\\\ / <b>&amp;</b> \u2028 \\u0001 \\t","bool":true,"list":[1,"9007199254740993"],' +
  '"map":{"k":"9007199254740993"},"bytes":"AQID","day":"MON","empty":{}}';

/** `<8000 x "a">` stands for that many letters. */
function expand(text: string): string {
  const [, count, letter] = /^<(\d+) x "(.)">$/.exec(text) ?? [];
  return letter === undefined ? text : letter.repeat(Number(count));
}

/** The text of a step; of long ones the recording keeps the size and the beginning, and names the padding. */
function textOf({ text, bytes, startsWith }: Step, { name }: SocketCase): string {
  if (text !== undefined) return text;
  if (bytes === undefined || startsWith === undefined) throw new Error(`a step of ${name} has no text`);
  const letter = name.includes('Chinese') ? '中' : 'a';
  const whole = startsWith.startsWith('{') ? LONG_HEAD + longText(bytes, letter) + LONG_TAIL : letter.repeat(bytes);
  if (Buffer.byteLength(whole) !== bytes || !whole.startsWith(startsWith)) throw new Error(`cannot rebuild ${name}`);
  return whole;
}

const LONG_HEAD = '{"type":"demo-message-send","content":"{\\"toUserId\\":1,\\"text\\":\\"';
const LONG_TAIL = '\\"}"}';

/** The text inside a demo message that is `bytes` long as a whole. */
export function longText(bytes: number, letter: string): string {
  return letter.repeat((bytes - Buffer.byteLength(LONG_HEAD + LONG_TAIL)) / Buffer.byteLength(letter));
}

function bytesOf({ hexMask01020304, describe: described }: Step): Buffer {
  if (hexMask01020304 !== undefined) return Buffer.from(hexMask01020304, 'hex');
  if (described !== 'nine fragments of 1024 "a"') throw new Error(`no bytes for ${String(described)}`);
  const part = Buffer.from('a'.repeat(1024));
  return Buffer.concat(
    Array.from({ length: 9 }, (_, index) =>
      maskedFrame(index === 0 ? Opcode.text : Opcode.continuation, part, { isFinal: index === 8 }),
    ),
  );
}

const OPS: Readonly<Record<number, RecordedFrame['op']>> = { 0: 'continuation', 1: 'text', 8: 'close', 10: 'pong' };

/** A frame in the words of the recording; long ones in the form in which the recorded one is kept. */
function viewOf({ opcode, isFinal, hasRsv1, payload }: Frame, like: RecordedFrame | undefined): RecordedFrame {
  const op = OPS[opcode] ?? 'text';
  if (op === 'close') {
    const code = payload.length >= 2 ? payload.readUInt16BE() : null;
    return { op, code, reason: payload.toString('utf8', 2) };
  }
  const text = payload.toString('utf8');
  const flags = { ...(isFinal ? {} : { fin: false as const }), ...(hasRsv1 ? { rsv1: true as const } : {}) };
  if (like?.bytes === undefined) return { op, ...flags, text };
  return { op, ...flags, bytes: payload.length, startsWith: text.slice(0, like.startsWith?.length ?? 40) };
}
