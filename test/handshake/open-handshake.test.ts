import { expect } from 'chai';
import { attempt, closeAll, echo, exchange, expectServed, handshakeText, open, startDoor } from './support';

describe('handshake', () => {
  afterEach(closeAll);

  it('lets a good token in and serves the socket', async () => {
    const { server, door } = await startDoor();
    const client = await open(server, { token: 'mary' });
    expect(await echo(client, 'hello')).to.equal('hello');
    expect(door.logins).to.deep.equal([{ id: 'mary', userType: 0 }]);
  });

  it('refuses a handshake without a token: 401, no session', async () => {
    const { server, door } = await startDoor();
    expect((await attempt(server)).status).to.equal(401);
    expect(door.sessions.size).to.equal(0);
    expect(door.refusals()).to.deep.equal(['401 unauthenticated']);
    await expectServed(server);
  });

  it('answers a path that nobody owns with 404', async () => {
    const { server } = await startDoor();
    expect(await exchange(server, handshakeText('/other'))).to.match(/^HTTP\/1\.1 404 /);
  });
});
