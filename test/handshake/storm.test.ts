import { expect } from 'chai';
import { once } from 'node:events';
import {
  UPGRADE_HEADERS,
  authenticateByToken,
  closeAll,
  echo,
  handshakeText,
  open,
  rawConnect,
  readUntil,
  startDoor,
} from './support';

const CLIENTS = 40;
const LOGIN_MS = 5;
const REQUEST = handshakeText('/ws', [...UPGRADE_HEADERS, 'Authorization: Bearer many']);

describe('many upgrades at once', () => {
  afterEach(closeAll);

  it('are let in a few in each turn of the event loop, and hold up nobody who is connected', async () => {
    const turns = countTurns();
    const loginTurns: number[] = [];
    const { server, door } = await startDoor({
      authenticate: (req) => {
        loginTurns.push(turns.now);
        keepBusy(LOGIN_MS);
        return authenticateByToken(req);
      },
    });
    const connected = await open(server, { token: 'connected' });
    // All of them accepted first: Node accepts a connection a turn.
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => rawConnect(server)));
    while (accepted < CLIENTS) await once(server, 'connection');
    const answers = Promise.all(sockets.map((socket) => readUntil(socket, '\r\n\r\n')));
    for (const socket of sockets) socket.write(REQUEST);
    expect(await echo(connected, 'served meanwhile')).to.equal('served meanwhile');
    expect(door.admitted.length).to.be.lessThan(CLIENTS);
    for (const answer of await answers) expect(answer).to.match(/^HTTP\/1.1 101 /);
    turns.stop();
    const perTurn = loginTurns.map((turn) => loginTurns.filter((other) => other === turn).length);
    expect(Math.max(...perTurn)).to.be.lessThan(5);
  });
});

/** Counts turns of the event loop until it is stopped. */
function countTurns(): { readonly now: number; stop(): void } {
  let now = 0;
  let isStopped = false;
  const next = (): void => {
    now += 1;
    if (!isStopped) setImmediate(next);
  };
  next();
  return {
    get now() {
      return now;
    },
    stop: () => (isStopped = true),
  };
}

/** What checking a token does: nothing else runs meanwhile. */
function keepBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
