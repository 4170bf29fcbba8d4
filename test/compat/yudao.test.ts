import { expect } from 'chai';
import express from 'express';
import type { Answer, Difference } from './differences';
import type { HandshakeCase, HandshakeOutcome, SocketCase, SocketOutcome } from './vectors';
import type { TestServer } from '../session/support';
import { BROKER_CASES, LOCAL_CASES, VECTORS, isHandshake } from './vectors';
import { DIFFERENCES } from './differences';
import { addListeners, authenticate } from './listeners';
import { replay, replayHandshake } from './replay';
import { startServer, stopServers } from '../session/support';

/** Headers that say what was agreed on; all others are the server's own. */
const NEGOTIATED = [
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'sec-websocket-version',
];
const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';

/** What the application itself answers to plain HTTP. */
const NO_PAGE = 'no such page';

describe('as recorded from the original', () => {
  let server: TestServer;

  before(async () => {
    const options = { path: '/infra/ws', multiTenant: true, authenticate };
    server = await startServer(options, { createApp });
    addListeners(server.realtime);
  });
  after(stopServers);

  for (const row of LOCAL_CASES) {
    const differences = DIFFERENCES.filter(({ ids }) => ids.includes(row.id));
    const changes = differences.filter(({ withoutHeaders }) => withoutHeaders === undefined);
    const title = changes.length === 0 ? 'as recorded' : changes.map(({ why }) => why).join('; ');
    it(`${row.id} ${row.name}: ${title}`, async () => {
      if (isHandshake(row)) await checkHandshake(server, row, differences);
      else await checkSockets(server, row, differences);
      expect(server.realtime.hub.count()).to.equal(0);
    });
  }

  for (const difference of DIFFERENCES) {
    if (difference.also === undefined) continue;
    it(`instead of ${difference.ids.join(', ')}: ${difference.why}`, async () => {
      await difference.also?.(server);
    });
  }

  it('covers all 183 local cases; the 58 of the brokers are the wire between processes, which is our own', () => {
    expect(LOCAL_CASES).to.have.length(183);
    expect(BROKER_CASES).to.have.length(58);
    expect(LOCAL_CASES.length + BROKER_CASES.length).to.equal(VECTORS.cases.length);
    expect(new Set(BROKER_CASES.map(({ area }) => area))).to.deep.equal(
      new Set(['redis-publish', 'redis-consume', 'rabbitmq-publish', 'rabbitmq-consume']),
    );
  });

  it('names in the table of differences only cases that exist, each at most once beside its headers', () => {
    const known = new Set(LOCAL_CASES.map(({ id }) => id));
    const named = DIFFERENCES.filter(({ withoutHeaders }) => withoutHeaders === undefined).flatMap(({ ids }) => ids);
    expect(named.filter((id) => !known.has(id))).to.deep.equal([]);
    expect(named.filter((id, index) => named.indexOf(id) !== index)).to.deep.equal([]);
  });
});

async function checkHandshake(
  server: TestServer,
  row: HandshakeCase,
  differences: readonly Difference[],
): Promise<void> {
  const recorded = answerOf(row.expect);
  const wanted = differences.reduce<Answer>((answer, difference) => ({ ...answer, ...difference.answer }), recorded);
  const outcome = await replayHandshake(server, row);
  expect(answerOf(outcome)).to.deep.equal(wanted);
  if (differences.some(({ answer }) => answer !== undefined)) expect(wanted).to.not.deep.equal(recorded);
  const names = outcome.headers.map(nameOf);
  for (const { withoutHeaders = [] } of differences) {
    expect(names.filter((name) => withoutHeaders.includes(name) && outcome.body !== NO_PAGE)).to.deep.equal([]);
  }
}

async function checkSockets(server: TestServer, row: SocketCase, differences: readonly Difference[]): Promise<void> {
  const wanted = differences.reduce(changed, row.expect);
  const { sockets, calls } = await replay(server, row, wanted, row.area === 'deflate' ? [DEFLATE] : []);
  expect(sockets).to.deep.equal(wanted);
  const call = differences.find((difference) => difference.call !== undefined)?.call;
  if (row.callResult !== undefined) expect(calls).to.deep.equal([call ?? reachedBy(wanted)]);
  if (differences.some(({ via }) => via === undefined)) {
    expect({ sockets: wanted, call }).to.not.deep.equal({ sockets: row.expect, call: undefined });
  }
}

type Outcomes = Readonly<Record<string, SocketOutcome>>;

function changed(recorded: Outcomes, { sockets = {}, closeReason }: Difference): Outcomes {
  const entries = Object.entries(recorded).map(([name, outcome]): [string, SocketOutcome] => {
    const frames = outcome.frames.map((frame) =>
      frame.op === 'close' && closeReason !== undefined ? { ...frame, reason: closeReason } : frame,
    );
    return [name, { ...outcome, frames, ...sockets[name] }];
  });
  return Object.fromEntries(entries);
}

/** How many sockets got what was pushed: what a receipt says. */
function reachedBy(outcomes: Outcomes): number {
  return Object.values(outcomes).filter(({ frames }) => frames.some(({ op }) => op === 'text')).length;
}

function answerOf({ status, headers, body, tcpAfter900ms }: HandshakeOutcome): Answer {
  const negotiated = headers
    .filter((line) => NEGOTIATED.includes(nameOf(line)))
    .map((line) => [nameOf(line), line.slice(line.indexOf(':') + 1).trim()] as const);
  return { status, negotiated: Object.fromEntries(negotiated), body, tcp: tcpAfter900ms };
}

function nameOf(header: string): string {
  return header.slice(0, header.indexOf(':')).toLowerCase();
}

function createApp(): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((_req, res) => void res.status(404).type('text').send(NO_PAGE));
  return app;
}
