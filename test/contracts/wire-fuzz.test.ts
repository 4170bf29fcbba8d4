import { expect } from 'chai';
import fc from 'fast-check';
import { MessageError } from '../../lib/index';
import type { AppServer } from '../support/app-server';
import { startApp } from '../support/app-server';
import type { RawClient, WireFrame } from './wire-contract';
import { openRaw } from './wire-contract';

const RUNS = 100;
const FRAMES = 1000;

/** What a frame has to be answered with, in words that can be compared; `undefined` = with nothing. */
type Answer = string | undefined;

const handlers: Readonly<Record<string, (content: unknown) => unknown>> = {
  echo: (content) => content,
  later: async (content) => content,
  fail: () => {
    throw new Error('never seen');
  },
  refuse: async () => {
    throw new MessageError('taken', 'this name is taken');
  },
  __proto__x: () => undefined,
};

/** The protocol once more, from PROTOCOL.md and not from our code. */
function answerTo(text: string): Answer {
  if (text === 'ping') return 'pong';
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return errorAnswer('bad_json', undefined);
  }
  if (typeof message !== 'object' || message === null) return errorAnswer('bad_message', undefined);
  const { type, id, content } = message as { type?: unknown; id?: unknown; content?: unknown };
  const hasId = id !== undefined && id !== null;
  const isGoodId = typeof id === 'string' ? id.length >= 1 && id.length <= 64 : Number.isSafeInteger(id);
  if (typeof type !== 'string' || type.length < 1 || type.length > 128) return errorAnswer('bad_message', undefined);
  if (hasId && !isGoodId) return errorAnswer('bad_message', undefined);
  if (type.startsWith('$')) return undefined;
  const to = hasId ? id : undefined;
  if (!Object.hasOwn(handlers, type)) return errorAnswer('unknown_type', to);
  if (type === 'fail') return errorAnswer('internal', to);
  if (type === 'refuse') return errorAnswer('taken', to);
  if (to === undefined) return undefined;
  return `reply ${JSON.stringify(to)} ${JSON.stringify(type === '__proto__x' ? null : (content ?? null))}`;
}

function errorAnswer(code: string, id: unknown): string {
  return `error ${JSON.stringify(id) ?? 'none'} ${code}`;
}

function toAnswer(text: string): string {
  if (text === 'pong') return text;
  const { type, id, content } = JSON.parse(text) as WireFrame;
  if (type === '$reply') return `reply ${JSON.stringify(id)} ${JSON.stringify(content)}`;
  if (type === '$error') return errorAnswer((content as { code: string }).code, id);
  return `a frame that nobody expects: ${text}`;
}

const anyString = fc.string({ unit: 'binary', maxLength: 70 });
const anyId = fc.oneof(fc.maxSafeInteger(), anyString, fc.jsonValue({ maxDepth: 1 }));
const anyContent = fc.jsonValue({ maxDepth: 2 });
/** All but `$auth`, which runs a login and may close the session. */
const controlType = fc.constantFrom('$reply', '$error', '$hello', '$draining', '$expiring', '$', '$later');
const messageText = fc
  .record(
    {
      type: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...Object.keys(handlers)) }, anyString, controlType),
      id: anyId,
      content: anyContent,
      extra: fc.constantFrom(1, null, {}),
    },
    { requiredKeys: ['type'] },
  )
  .map((message) => JSON.stringify(message));
const brokenText = fc
  .tuple(messageText, fc.nat(), fc.constantFrom('', '"', '}', '\\', ',', '\u0000', '😀'))
  .map(([text, at, insert]) => text.slice(0, at % text.length) + insert + text.slice((at % text.length) + 1));
const frameText = fc
  .oneof(
    { weight: 6, arbitrary: messageText },
    { weight: 2, arbitrary: brokenText },
    { weight: 1, arbitrary: anyString },
    { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.constantFrom('ping', 'pong', 'PING', '', ' ', '[', '"') },
  )
  // What a peer can write is UTF-8: lone surrogates become U+FFFD on the way.
  .map((text) => Buffer.from(text).toString())
  .filter((text) => !/\$auth|^\s*\{.*\\u0024/.test(text));

describe('wire contract: any frames at all', () => {
  it(`answers each of ${RUNS * FRAMES} frames as PROTOCOL.md says, once, and stays up`, async function () {
    this.timeout(120_000);
    const server = await startFuzzed();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(frameText, { minLength: FRAMES, maxLength: FRAMES, size: 'max' }), async (texts) => {
        run += 1;
        const raw = await openRaw(server);
        const got = await answersTo(raw, texts, `end of run ${run}`);
        const wanted = texts.map(answerTo).filter((answer) => answer !== undefined);
        expect(count(got)).to.deep.equal(count(wanted));
        await raw.close();
      }),
      // Shrinking a thousand frames would take longer than reading the two lists.
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(server.realtime.hub.list()).to.have.length(0);
  });
});

async function startFuzzed(): Promise<AppServer> {
  const none = (): void => undefined;
  const unlimited = { maxMessagesPerSecond: 0, maxBytesPerSecond: 0, maxQueuedMessages: 0 };
  const server = await startApp({ ...unlimited, onError: none, onEvent: none });
  for (const [type, handler] of Object.entries(handlers)) server.realtime.registry.on(type, handler);
  return server;
}

/** Sends all at once; the last one is handled last, so its reply says that all others were answered. */
async function answersTo(raw: RawClient, texts: readonly string[], endId: string): Promise<string[]> {
  for (const text of texts) raw.send(text);
  raw.send({ type: 'later', id: endId, content: null });
  const end = `reply ${JSON.stringify(endId)} null`;
  const answers: string[] = [];
  for (;;) {
    const answer = toAnswer(await raw.text());
    if (answer === end) return answers;
    answers.push(answer);
  }
}

function count(answers: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const answer of answers.toSorted()) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return Object.fromEntries(counts);
}
