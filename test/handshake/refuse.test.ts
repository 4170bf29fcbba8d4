import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import {
  UPGRADE_HEADERS,
  authenticateByToken,
  closeAll,
  deferred,
  exchange,
  expectServed,
  handshakeText,
  rawConnect,
  readUntil,
  startDoor,
  statusOfAnswer,
} from './support';

function without(name: string, ...extra: string[]): string[] {
  return [...UPGRADE_HEADERS.filter((line) => !line.startsWith(`${name}:`)), ...extra];
}

describe('refusals', () => {
  afterEach(closeAll);

  it('are whole HTTP answers with a length, and close the connection', async () => {
    const { server } = await startDoor();
    const answer = await exchange(server, handshakeText('/ws'));
    expect(answer).to.equal(
      'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        'Content-Length: 13\r\nWWW-Authenticate: Bearer\r\n\r\nUnauthorized\n',
    );
  });

  const FORMS: readonly (readonly [string, string, number])[] = [
    ['POST', handshakeText('/ws?token=good', [...UPGRADE_HEADERS, 'Content-Length: 0'], 'POST'), 405],
    ['no key', handshakeText('/ws?token=good', without('Sec-WebSocket-Key')), 400],
    ['a bad key', handshakeText('/ws?token=good', without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: short')), 400],
    ['version 8', handshakeText('/ws?token=good', without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 8')), 426],
    ['no version', handshakeText('/ws?token=good', without('Sec-WebSocket-Version')), 426],
    ['HTTP/1.0', handshakeText('/ws?token=good').replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['a subprotocol twice', handshakeText('/ws?token=good', [...UPGRADE_HEADERS, 'Sec-WebSocket-Protocol: a, a']), 400],
    [
      'an empty subprotocol',
      handshakeText('/ws?token=good', [...UPGRADE_HEADERS, 'Sec-WebSocket-Protocol: a,,b']),
      400,
    ],
  ];
  for (const [title, text, status] of FORMS) {
    it(`refuse ${title}: ${status}, and go on`, async () => {
      const { server, door } = await startDoor();
      const answer = await exchange(server, text);
      expect(statusOfAnswer(answer)).to.equal(status);
      expect(answer.match(/HTTP\/1\.1/g)).to.have.length(1);
      expect(answer)
        .to.match(/\r\nConnection: close\r\n/)
        .and.to.match(/\r\nContent-Length: \d+\r\n/);
      expect(door.admitted).to.have.length(0);
      await expectServed(server);
    });
  }

  it('name the version that is spoken, and the method', async () => {
    const { server } = await startDoor();
    const [, , , version] = FORMS;
    expect(await exchange(server, version?.[1] ?? '')).to.contain('\r\nSec-WebSocket-Version: 13\r\n');
    expect(await exchange(server, FORMS[0]?.[1] ?? '')).to.contain('\r\nAllow: GET\r\n');
  });

  it('are the same bytes whatever the request says and whyever it failed', async () => {
    const SECRET = 'database password is hunter2\r\nSet-Cookie: owned=1';
    const reasons: readonly ((req: IncomingMessage) => never)[] = [
      () => {
        throw new Error(SECRET);
      },
      () => {
        // Not an Error, as careless code throws.
        throw SECRET as unknown as Error;
      },
      (): never => Promise.reject(new Error(SECRET)) as never,
    ];
    const answers = new Set<string>();
    for (const authenticate of reasons) {
      const { server, door } = await startDoor({ authenticate });
      for (const token of ['a', 'x%0d%0aSet-Cookie:%20owned=1', 'б', '%', '%00', '<script>']) {
        const answer = await exchange(
          server,
          handshakeText(`/ws?token=${encodeURI(token)}`, [...UPGRADE_HEADERS, 'User-Agent: <script>']),
        );
        if (statusOfAnswer(answer) === 500) answers.add(answer);
        else expect(answer).to.match(/^HTTP\/1\.1 400 Bad Request\r\n/);
        expect(answer).not.to.match(/hunter2|owned|script/);
      }
      expect(JSON.stringify(door.events)).not.to.match(/hunter2|owned|script/);
      expect(door.errors).to.have.length.above(0);
    }
    expect([...answers]).to.have.length(1);
  });

  it('do not tell a bad token from an unknown user', async () => {
    const { server } = await startDoor({ authenticate: authenticateByToken });
    const answers = await Promise.all(
      ['/ws', '/ws?token=bad', '/ws?token=no-such-user'].map((path) => exchange(server, handshakeText(path))),
    );
    expect(new Set(answers).size).to.equal(1);
  });

  it('arrive whole although the peer sent bytes that nobody read', async () => {
    const { server } = await startDoor();
    for (let round = 0; round < 20; round += 1) {
      const closed = deferred();
      server.once('connection', (socket) => socket.once('close', () => closed.resolve()));
      const answer = await exchange(server, handshakeText('/ws'), Buffer.alloc(200_000, 'junk'));
      expect(answer).to.match(/Unauthorized\n$/);
      // As soon as the peer has closed, not when it would be made to: 20 of those would take too long.
      await closed.promise;
    }
    await expectServed(server);
  });

  it('end the connection of a peer that never closes', async () => {
    const { server } = await startDoor();
    const closed = deferred();
    server.on('connection', (socket) => socket.on('close', () => closed.resolve()));
    const peer = await rawConnect(server, { allowHalfOpen: true });
    peer.write(handshakeText('/ws'));
    expect(statusOfAnswer(await readUntil(peer, 'Unauthorized\n'))).to.equal(401);
    // The peer would stay for ever, and is not needed for this to come.
    await closed.promise;
  });

  it('keep Node from waiting when headers were cut off: more than it takes', async () => {
    const { server } = await startDoor();
    const many = Array.from({ length: 2500 }, (_, index) => `x${index}:1`);
    const answer = await exchange(server, handshakeText('/ws?token=good', [...many, ...UPGRADE_HEADERS]));
    expect(statusOfAnswer(answer)).to.be.oneOf([400, 404, 431]);
    await expectServed(server);
  });
});
