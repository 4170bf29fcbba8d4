import { expect } from 'chai';
import { connect } from '../../lib/client/index';
import { FakeSocket, installPage, jitter, pass, settle, startRig, useFakeClock } from './support';

describe('client: connecting', () => {
  useFakeClock();

  it('offers the protocol, and the token as base64url beside it', async () => {
    const { socket } = await startRig({ token: () => 'a.b_c-~ÿ?' });
    const bearer = `bearer.${Buffer.from('a.b_c-~ÿ?', 'latin1').toString('base64url')}`;
    expect(socket.url).to.equal('ws://server/ws');
    expect(socket.protocols).to.deep.equal(['express-realtime.v1', bearer]);
  });

  it('offers the protocol alone where a cookie does the login', async () => {
    const { socket } = await startRig();
    expect(socket.protocols).to.deep.equal(['express-realtime.v1']);
  });

  it('encodes tokens of every length as Buffer does', async () => {
    for (let length = 1; length <= 30; length += 1) {
      const token = 'eyJhbGciOiJIUzI1NiJ9.~~??>>__-'.slice(0, length);
      const { socket } = await startRig({ token: async () => token });
      expect(socket.protocols[1]).to.equal(`bearer.${Buffer.from(token).toString('base64url')}`);
    }
  });

  it('is open with $hello, not before', async () => {
    const { client, socket, changes } = await startRig();
    expect(client.status).to.equal('connecting');
    socket.protocol = 'express-realtime.v1';
    socket.onopen?.({} as never);
    expect([client.status, client.sessionId]).to.deep.equal(['connecting', undefined]);
    socket.open({ sessionId: 'n.7' });
    expect([client.status, client.sessionId]).to.deep.equal(['open', 'n.7']);
    expect(changes.map(({ status }) => status)).to.deep.equal(['connecting', 'open']);
  });

  it('gives up for good on a server that does not speak the protocol', async () => {
    const { client, socket, changes } = await startRig();
    socket.onopen?.({} as never);
    expect(client.status).to.equal('closed');
    expect(changes.at(-1)?.end).to.include({ code: 4400 });
    expect(socket.isClosed).to.equal(true);
  });

  it('waits for a connection as long as connectTimeoutMs, then tries again', async () => {
    const rig = await startRig({ connectTimeoutMs: 3000 });
    await pass(2999);
    expect(rig.openSockets).to.equal(1);
    await pass(1);
    expect([rig.openSockets, rig.client.status]).to.deep.equal([0, 'waiting']);
    await pass(500);
    expect([rig.openSockets, rig.sockets.length]).to.deep.equal([1, 2]);
  });

  it('a page that mounts twice in a row makes one socket', async () => {
    const sockets: FakeSocket[] = [];
    const mount = () =>
      connect('ws://server/ws', {
        createSocket: (url, protocols) => {
          const socket = new FakeSocket(url, protocols);
          sockets.push(socket);
          return socket;
        },
      });
    mount().close();
    const client = mount();
    await settle();
    expect(sockets).to.have.length(1);
    client.close();
  });

  it('closed in the same step it opens no socket and asks for no token', async () => {
    let asked = 0;
    const token = () => `${(asked += 1)}`;
    connect('ws://server/ws', { token, createSocket: () => expect.fail('a socket') }).close();
    await settle();
    expect(asked).to.equal(0);
  });

  it('closed while the token is on its way it opens nothing', async () => {
    let give: ((token: string) => void) | undefined;
    const { client, sockets } = await startRig({ token: () => new Promise((resolve) => (give = resolve)) });
    client.close();
    give?.('late');
    await settle();
    await pass(60_000);
    expect(sockets).to.have.length(0);
    expect(client.status).to.equal('closed');
  });

  it('closed while createSocket is pending it closes what comes', async () => {
    const rig = await startRig();
    let give: ((socket: (typeof rig.sockets)[number]) => void) | undefined;
    const late = await startRig({ createSocket: () => new Promise((resolve) => (give = resolve)) });
    late.client.close();
    give?.(rig.socket);
    await settle();
    expect(rig.socket.isClosed).to.equal(true);
  });

  for (const empty of ['', null, undefined]) {
    it(`a token that is ${JSON.stringify(empty) ?? 'undefined'} is never sent: nobody is logged in`, async () => {
      const { client, sockets, changes } = await startRig({ token: () => empty });
      await pass(60_000);
      expect(sockets).to.have.length(0);
      expect(client.status).to.equal('closed');
      expect(changes.at(-1)?.end).to.deep.equal({ code: 4401, reason: 'nobody is logged in' });
    });
  }

  it('asks for a token again at each try; a failure of it is told and tried again', async () => {
    let asked = 0;
    const fault = new Error('no network');
    const { sockets, errors, client } = await startRig({
      token: () => {
        asked += 1;
        if (asked < 3) throw fault;
        return `token ${asked}`;
      },
    });
    expect([errors, client.status]).to.deep.equal([[fault], 'waiting']);
    await pass(500);
    await pass(1000);
    expect(asked).to.equal(3);
    expect(sockets.at(-1)?.protocols[1]).to.equal(`bearer.${Buffer.from('token 3').toString('base64url')}`);
  });

  it('a token that never comes is given up after connectTimeoutMs, and asked for again', async () => {
    let asked = 0;
    const rig = await startRig({
      token: () => {
        asked += 1;
        return asked === 1 ? new Promise(() => undefined) : 'late';
      },
      connectTimeoutMs: 3000,
    });
    await pass(2999);
    expect([rig.client.status, asked]).to.deep.equal(['connecting', 1]);
    await pass(1);
    expect(rig.changes.at(-1)).to.deep.include({ status: 'waiting', end: { code: 1006, reason: 'no token in time' } });
    await pass(500);
    rig.socket.open();
    expect([rig.client.status, asked, rig.sockets.length]).to.deep.equal(['open', 2, 1]);
  });

  it('a createSocket that throws is told and tried again', async () => {
    const fault = new Error('bad');
    const { errors, client } = await startRig({
      createSocket: () => {
        throw fault;
      },
    });
    expect([errors, client.status]).to.deep.equal([[fault], 'waiting']);
    await pass(500);
    expect(errors).to.have.length(2);
  });

  it('says what is missing in a runtime without WebSocket', async () => {
    const { WebSocket } = globalThis;
    Reflect.deleteProperty(globalThis, 'WebSocket');
    const errors: unknown[] = [];
    const client = connect('ws://server/ws', { onError: (error) => errors.push(error) });
    await settle();
    client.close();
    if (WebSocket !== undefined) globalThis.WebSocket = WebSocket;
    expect(String(errors[0])).to.match(/no WebSocket: give createSocket/);
  });
});

describe('client: coming back', () => {
  useFakeClock();

  it('doubles the wait up to maxBackoffMs, with full jitter', async () => {
    const { sockets, changes } = await startRig({ minBackoffMs: 100, maxBackoffMs: 1000 });
    for (const [share, wait] of [
      [1, 100],
      [0.5, 100],
      [0, 0],
      [1, 800],
      [1, 1000],
      [0.25, 250],
    ] as const) {
      jitter(share);
      sockets.at(-1)?.lose();
      expect(changes.at(-1)).to.deep.include({ status: 'waiting', retryInMs: wait, end: { code: 1006, reason: '' } });
      const before = sockets.length;
      if (wait > 0) await pass(wait - 1);
      expect(sockets).to.have.length(before);
      await pass(1);
      expect(sockets).to.have.length(before + 1);
    }
  });

  it('does not hammer a server that refuses: some dozens of tries in an hour', async () => {
    const { sockets } = await startRig();
    jitter(0.5);
    for (let second = 0; second < 3600; second += 1) {
      const socket = sockets.at(-1);
      if (socket?.isClosed === false) socket.lose();
      await pass(1000);
    }
    expect(sockets.length).to.be.within(300, 400);
  });

  it('a line that dies at once does not reset the wait; one that held does', async () => {
    const { sockets, changes } = await startRig({ connectTimeoutMs: 1e9 });
    const waits: unknown[] = [];
    for (const heldMs of [0, 10, 1000, 19_000, 21_000, 0]) {
      sockets.at(-1)?.open();
      await pass(heldMs);
      sockets.at(-1)?.lose();
      waits.push(changes.at(-1)?.retryInMs);
      await pass(20_000);
    }
    expect(waits).to.deep.equal([500, 1000, 2000, 4000, 500, 1000]);
  });

  const comeBack = [1000, 1001, 1003, 1006, 1009, 1011, 1012, 1013, 3000, 4000, 4399, 4408, 4429, 4500, 4599];
  for (const code of comeBack) {
    it(`comes back after ${code}`, async () => {
      const { client, socket, sockets, changes } = await startRig();
      socket.open().lose(code, 'why');
      expect(client.status).to.equal('waiting');
      expect(changes.at(-1)?.end).to.deep.equal({ code, reason: 'why' });
      await pass(500);
      expect(sockets).to.have.length(2);
    });
  }

  for (const code of [4400, 4401, 4403, 4404, 4409, 4499]) {
    it(`stays away after ${code}`, async () => {
      const { client, socket, sockets, changes } = await startRig();
      socket.open().lose(code, 'why');
      expect([client.status, client.sessionId]).to.deep.equal(['closed', undefined]);
      expect(changes.at(-1)).to.deep.equal({ status: 'closed', end: { code, reason: 'why' } });
      await pass(600_000);
      expect(sockets).to.have.length(1);
      expect(() => client.send('a', 1))
        .to.throw()
        .with.property('code', 'closed');
    });
  }

  it('comes back after 4401 with another token, where token() has one by now', async () => {
    const tokens = ['old', 'new'];
    const { client, socket, sockets, changes } = await startRig({ token: () => tokens.shift() });
    socket.open().lose(4401, 'expired');
    expect(changes.at(-1)).to.deep.include({ status: 'waiting', end: { code: 4401, reason: 'expired' } });
    await pass(500);
    expect(sockets.map(bearerOf)).to.deep.equal(['old', 'new']);
    sockets.at(-1)?.open();
    expect(client.status).to.equal('open');
  });

  it('stays away after 4401 when token() has no other one: asked once more, no second socket', async () => {
    let asked = 0;
    const { client, socket, sockets, changes } = await startRig({ token: () => ((asked += 1), 'the same') });
    socket.open().lose(4401, 'expired');
    await pass(600_000);
    expect([client.status, asked, sockets.length]).to.deep.equal(['closed', 2, 1]);
    expect(changes.at(-1)).to.deep.equal({ status: 'closed', end: { code: 4401, reason: 'expired' } });
  });

  it('a second 4401 is final, unless the client was let in between the two', async () => {
    let asked = 0;
    const { client, sockets } = await startRig({ token: () => `token ${(asked += 1)}` });
    for (let round = 1; round <= 3; round += 1) {
      sockets.at(-1)?.open().lose(4401);
      await pass(4000);
      expect([client.status, sockets.length]).to.deep.equal(['connecting', round + 1]);
    }
    // Lost for another reason first: that says nothing of the token.
    sockets.at(-1)?.lose();
    await pass(4000);
    sockets.at(-1)?.lose(4401);
    await pass(600_000);
    expect([client.status, sockets.length]).to.deep.equal(['closed', 5]);
  });

  it('after 4401 the token that $auth brought counts as refused', async () => {
    const tokens = ['first', 'second', 'second'];
    const { client, socket, sockets } = await startRig({ token: () => tokens.shift() });
    socket.open().push('$expiring', { expiresInMs: 1000 });
    await settle();
    expect(socket.frames[0]?.content).to.deep.equal({ token: 'second' });
    socket.lose(4401);
    await pass(600_000);
    expect([client.status, sockets.length]).to.deep.equal(['closed', 1]);
  });

  for (const code of [4408, 4429]) {
    it(`never comes back at once after ${code}, not even when the page wakes up`, async () => {
      const page = installPage();
      jitter(0);
      const { socket, sockets, changes } = await startRig();
      socket.open().lose(code);
      expect(changes.at(-1)?.retryInMs).to.equal(250);
      page.tell('online');
      await pass(249);
      expect(sockets).to.have.length(1);
      await pass(1);
      expect(sockets).to.have.length(2);
    });
  }

  it('comes back when $draining said, not earlier', async () => {
    const { socket, sockets, changes } = await startRig();
    socket.open().push('$draining', { reconnectInMs: 4321 });
    socket.lose(1001);
    expect(changes.at(-1)?.retryInMs).to.equal(4321);
    await pass(4320);
    expect(sockets).to.have.length(1);
    await pass(1);
    expect(sockets).to.have.length(2);
    // Told once, used once.
    sockets.at(-1)?.lose();
    expect(changes.at(-1)?.retryInMs).to.equal(500);
  });

  it('takes a $draining that makes no sense for what it is', async () => {
    const { sockets, changes } = await startRig({ connectTimeoutMs: 1e9 });
    const waits: unknown[] = [];
    for (const text of ['null', '{}', '{"reconnectInMs":"1"}', '{"reconnectInMs":-5}', '{"reconnectInMs":1e999}']) {
      sockets.at(-1)?.open().text(`{"type":"$draining","content":${text}}`);
      sockets.at(-1)?.lose();
      waits.push(changes.at(-1)?.retryInMs);
      await pass(20_000);
    }
    expect(waits).to.deep.equal([500, 1000, 2000, 0, 2 ** 31 - 1]);
  });

  it('never has two sockets, whatever happens', async () => {
    const rig = await startRig();
    const check = async (step: () => void): Promise<void> => {
      step();
      expect(rig.openSockets).to.be.at.most(1);
      await pass(20_000 + Math.random());
      expect(rig.openSockets).to.be.at.most(1);
    };
    for (let round = 0; round < 5; round += 1) {
      await check(() => rig.socket.open());
      await check(() => rig.socket.push('$draining', { reconnectInMs: 7 }));
      await check(() => rig.socket.lose());
    }
    expect(rig.sockets.length).to.be.above(5);
  });

  it('an old socket has no say any more', async () => {
    const rig = await startRig();
    const old = rig.socket.open();
    const late = { message: old.onmessage, close: old.onclose };
    await pass(25_000);
    await pass(5000);
    await pass(500);
    const heard: unknown[] = [];
    rig.client.on('news', (content) => heard.push(content));
    rig.socket.open();
    late.message?.({ data: '{"type":"news","content":1}' } as never);
    late.close?.({ code: 4401, reason: '' } as never);
    expect(heard).to.deep.equal([]);
    expect(rig.client.status).to.equal('open');
    expect(rig.sockets).to.have.length(2);
  });

  it('close is final and idempotent', async () => {
    const { client, socket, sockets, changes } = await startRig();
    socket.open();
    client.close();
    client.close();
    expect(socket.isClosed).to.equal(true);
    expect(changes.at(-1)).to.deep.equal({ status: 'closed', end: { code: 1000, reason: '' } });
    expect(changes.filter(({ status }) => status === 'closed')).to.have.length(1);
    await pass(600_000);
    expect(sockets).to.have.length(1);
  });

  it('close during a wait ends the wait', async () => {
    const { client, socket, sockets } = await startRig();
    socket.lose();
    client.close();
    await pass(600_000);
    expect(sockets).to.have.length(1);
  });

  it('a status listener may close the client, and may stop listening', async () => {
    const { client, socket, sockets } = await startRig();
    const heard: string[] = [];
    const stop = client.onStatus(({ status }) => {
      heard.push(status);
      if (status === 'open') stop();
    });
    client.onStatus(({ status }) => {
      if (status === 'waiting') client.close();
    });
    socket.open().lose();
    await pass(60_000);
    expect(heard).to.deep.equal(['open']);
    expect([client.status, sockets.length]).to.deep.equal(['closed', 1]);
  });

  it('closed by a status listener while it connects, it opens no socket, and closed is the last that is told', async () => {
    const heard: string[] = [];
    const client = connect('ws://server/ws', { createSocket: () => expect.fail('a socket') });
    client.onStatus(({ status }) => status === 'connecting' && client.close());
    client.onStatus(({ status }) => heard.push(status));
    await settle();
    expect([client.status, heard.at(-1)]).to.deep.equal(['closed', 'closed']);
  });

  it('closed by a status listener while it connects again, it opens no other socket', async () => {
    const { client, socket, sockets } = await startRig();
    client.onStatus(({ status }) => status === 'connecting' && client.close());
    socket.open().lose();
    await pass(60_000);
    expect([client.status, sockets.length]).to.deep.equal(['closed', 1]);
  });
});

/** The token that a socket was opened with. */
function bearerOf({ protocols }: FakeSocket): string {
  return Buffer.from(protocols[1]?.slice('bearer.'.length) ?? '', 'base64url').toString();
}
