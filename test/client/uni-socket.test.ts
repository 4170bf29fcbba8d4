import { expect } from 'chai';
import type { SocketTask } from '../../lib/client/uni-socket';
import { uniSocket } from '../../lib/client/index';
import { pass, settle, startRig, useFakeClock } from './support';

/** What `uni.connectSocket` gives; the test is the other end. */
class FakeTask implements SocketTask {
  readonly sent: string[] = [];
  readonly closed: object[] = [];
  readonly #listeners = new Map<string, (event?: never) => void>();

  send({ data }: { data: string }): void {
    this.sent.push(data);
  }

  close(options: object): void {
    this.closed.push(options);
  }

  onOpen = this.#keep('open');
  onMessage = this.#keep('message');
  onError = this.#keep('error');
  onClose = this.#keep('close');

  tell(name: string, event?: unknown): void {
    this.#listeners.get(name)?.(event as never);
  }

  hello(): this {
    this.tell('open', { header: {} });
    this.tell('message', { data: '{"type":"$hello","content":{"sessionId":"n.1","pingIntervalMs":25000}}' });
    return this;
  }

  #keep(name: string): (listener: (event: never) => void) => void {
    return (listener) => void this.#listeners.set(name, listener as (event?: never) => void);
  }
}

describe('client: uniSocket', () => {
  useFakeClock();

  for (const [name, wrap] of [
    ['a task', (task: SocketTask) => task],
    ['a promise of a task', (task: SocketTask) => Promise.resolve(task)],
  ] as const) {
    it(`speaks through ${name}`, async () => {
      const task = new FakeTask();
      const asked: object[] = [];
      const createSocket = uniSocket((options) => {
        asked.push({ ...options, complete: typeof options.complete });
        return wrap(task);
      });
      const { client, changes } = await startRig({ createSocket, token: () => 'abc' });
      await settle();
      expect(asked).to.deep.equal([
        { url: 'ws://server/ws', protocols: ['express-realtime.v1', 'bearer.YWJj'], complete: 'function' },
      ]);
      const heard: unknown[] = [];
      client.on('news', (content) => heard.push(content));
      task.hello();
      expect(client.status).to.equal('open');
      task.tell('message', { data: '{"type":"news","content":[1]}' });
      client.send('chat', 'hi');
      expect(heard).to.deep.equal([[1]]);
      expect(task.sent).to.deep.equal(['{"type":"chat","content":"hi"}']);
      client.close();
      expect(task.closed).to.deep.equal([{ code: 1000 }]);
      expect(changes.at(-1)?.status).to.equal('closed');
    });
  }

  it('comes back after a close event without code and reason, or without anything', async () => {
    const tasks: FakeTask[] = [];
    const createSocket = uniSocket(() => {
      const task = new FakeTask();
      tasks.push(task);
      return task;
    });
    const { changes } = await startRig({ createSocket, minBackoffMs: 100, maxBackoffMs: 100 });
    for (const event of [undefined, null, {}, { errMsg: 'closed' }, { code: null, reason: 7 }]) {
      await settle();
      tasks.at(-1)?.hello().tell('close', event);
      expect(changes.at(-1)).to.deep.include({ status: 'waiting', end: { code: 1006, reason: '' } });
      await pass(100);
    }
    await settle();
    tasks.at(-1)?.hello().tell('close', { code: '4401', reason: 'expired' });
    expect(changes.at(-1)).to.deep.equal({ status: 'closed', end: { code: 4401, reason: 'expired' } });
  });

  it('outlives a task that throws, and a connectSocket that gives none', async () => {
    const task = new FakeTask();
    task.send = () => {
      throw new Error('not open');
    };
    const given: (SocketTask | undefined)[] = [undefined, task];
    const createSocket = uniSocket(() => given.shift() as SocketTask);
    const { client, errors } = await startRig({ createSocket });
    await settle();
    expect([client.status, errors.length]).to.deep.equal(['waiting', 1]);
    await pass(500);
    task.hello();
    client.send('chat', 'hi');
    expect([client.status, String(errors[1])]).to.deep.equal(['open', 'Error: not open']);
  });
});
