import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SenderOptions, WorkerSender } from '../../lib/index';
import { RealtimeError, createSender } from '../../lib/index';
import { closeAfterTest, startApp } from '../support/app-server';
import { memoryBus } from '../../lib/testing/index';
import { rejection } from './support';

describe('createSender', () => {
  const name = 'shop';

  function open(options: SenderOptions): WorkerSender {
    const sender = createSender(options);
    closeAfterTest(() => sender.close());
    return sender;
  }

  it('pushes to users of the servers without waiting for anything, and closes', async () => {
    const bus = memoryBus();
    const app = await startApp({ name, broker: bus.broker() });
    await app.realtime.ready;
    const client = await app.login({ id: 7 });

    const { send, close } = open({ name, broker: bus.broker() });
    expect(await send({ userId: 7 }, 'invoice-ready', { id: 1 })).to.include({ delivered: 0, relay: 'accepted' });
    await close();
    expect(await client.next('invoice-ready')).to.deep.equal({ id: 1 });
    expect((await rejection(send({ userId: 7 }, 't', 1))).code).to.equal('ERR_REALTIME_CLOSED');
  });

  it('sends what nobody awaited before it closes', async () => {
    const bus = memoryBus();
    const app = await startApp({ name, broker: bus.broker() });
    await app.realtime.ready;
    const client = await app.login({ id: 7 });
    const sender = open({ name, broker: bus.broker() });
    void sender.send({ userId: 7 }, 't', 1);
    await sender.close();
    expect(await client.next('t')).to.equal(1);
  });

  it('reaches tenants, rooms and sessions, and disconnects', async () => {
    const bus = memoryBus();
    const app = await startApp({ name, broker: bus.broker(), multiTenant: true });
    await app.realtime.ready;
    const client = await app.login({ id: 7, tenantId: 'red' });
    const sender = open({ name, broker: bus.broker(), multiTenant: true });
    await sender.ready;
    await sender.forTenant('red').send({ everyone: true }, 't', 1);
    expect(await client.next('t')).to.equal(1);
    expect(() => sender.send({ userId: 7 }, 't', 1)).to.throw(RealtimeError, /tenant/);
    await sender.disconnect({ tenantId: 'red', userId: 7 });
    expect((await client.closed).code).to.equal(4403);
  });

  it('is ready and healthy with the broker, and hears nothing of the others', async () => {
    const bus = memoryBus();
    const app = await startApp({ name, broker: bus.broker() });
    const sender = open({ name, broker: bus.broker(), startPolicy: 'require', startTimeoutMs: 5000 });
    expect(sender.health().broker.state).to.equal('starting');
    await Promise.all([sender.ready, app.realtime.ready]);
    await app.realtime.send({ everyone: true }, 't', 1);
    expect(sender.health()).to.include({ status: 'up', sessions: 0 });
    expect(sender.health().counters).to.include({ received: 0, peers: 0 });
    expect(await sender.count({ userId: 7 })).to.equal(0);
    await sender.close();
    expect(sender.health().status).to.equal('closed');
  });

  it('throws for options that cannot be used, naming them', () => {
    const broker = memoryBus().broker();
    const cases: [options: unknown, message: RegExp][] = [
      [undefined, /options must be an object/],
      [{ broker }, /option name must be a non-empty string, got undefined/],
      [{ name }, /option broker must be a broker/],
      [{ name, broker, multitenant: true }, /unknown option "multitenant"; did you mean multiTenant\?/],
      [{ name, broker, startTimeoutMs: 0 }, /option startTimeoutMs/],
      [{ name, broker, onError: 1 }, /option onError must be a function/],
      [{ name, broker, multiTenant: null }, /option multiTenant must be true or false, got null/],
    ];
    for (const [options, message] of cases) {
      expect(() => createSender(options as SenderOptions), String(message)).to.throw(RealtimeError, message);
    }
  });

  it('loads neither ws nor Express', () => {
    const script = `
      const { createSender } = require('./lib/worker');
      const loaded = Object.keys(require.cache).filter((file) => /node_modules.(ws|express|passport)./.test(file));
      process.stdout.write(JSON.stringify([typeof createSender, loaded]));`;
    const args = ['--import', 'tsx', '-e', script];
    const output = execFileSync(process.execPath, args, { cwd: join(__dirname, '../..'), encoding: 'utf8' });
    expect(JSON.parse(output)).to.deep.equal(['function', []]);
  });
});
