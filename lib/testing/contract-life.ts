import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { Broker } from '../cluster/brokers/broker';
import { RealtimeError } from '../model/errors';
import type { BrokerContractLimits, BrokerContractSetup } from './contract-setup';
import { withCluster } from './contract-cluster';
import type { ContractCluster } from './contract-cluster';
import { rejectsWithin, settlesWithin } from './contract-node';

/** Start and close. */
export function lifeCases(
  setup: BrokerContractSetup,
  limits: BrokerContractLimits,
): { readonly title: string; run(): Promise<void> }[] {
  const on = (run: (cluster: ContractCluster) => Promise<void>) => () => withCluster(setup, limits, run);
  return [
    {
      title: 'hears itself: what a node publishes comes back to it, once',
      run: on(async (cluster) => {
        const [node] = await cluster.started(await cluster.application(), 1);
        ok(node);
        await node.broker.publish(Buffer.from('to all'), 'all');
        await node.broker.publish(Buffer.from('to me'), [node.id]);
        await node.broker.publish(Buffer.from('the end'), 'all');
        await node.hears('the end', limits.deliverMs);
        await node.hears('to me', limits.deliverMs);
        deepEqual([node.countOf('to all'), node.countOf('to me'), node.countOf('the end')], [1, 1, 1]);
        deepEqual(node.states, [{ state: 'up', cause: undefined }]);
      }),
    },
    {
      title: 'has a label that names it',
      run: on(async (cluster) => {
        match(cluster.node(await cluster.application()).broker.label, /\S/);
      }),
    },
    {
      title: 'refuses to publish before start',
      run: on(async (cluster) => {
        const { broker } = cluster.node(await cluster.application());
        await rejectsWithin(broker.publish(Buffer.from('early'), 'all'), limits.publishMs, 'publish before start');
      }),
    },
    {
      title: 'refuses to be started twice, and the first start is not disturbed',
      run: on(async (cluster) => {
        const [node] = await cluster.started(await cluster.application(), 1);
        ok(node);
        await rejectsWithin(node.broker.start(node), limits.startMs, 'the second start');
        await node.broker.publish(Buffer.from('still here'), 'all');
        await node.hears('still here', limits.deliverMs);
      }),
    },
    {
      title: 'closes in time, also twice at once, and leaves nothing behind',
      run: async () => {
        const socketsBefore = openSockets();
        let name = '';
        await withCluster(setup, limits, async (cluster) => {
          name = await cluster.application();
          const nodes = await cluster.started(name, setup.isLocal ? 1 : 2);
          const closings = nodes.flatMap(({ broker }) => [broker.close(), broker.close()]);
          const outcome = await settlesWithin(Promise.all(closings), limits.closeMs, 'close');
          equal(outcome.status, 'fulfilled');
        });
        await comesTrue(() => openSockets() <= socketsBefore, 5000, 'sockets are still open after close');
        await comesTrueAsync(async () => ((await setup.leftovers?.(name)) ?? []).length === 0, 5000);
      },
    },
    {
      title: 'after close: publish is refused with ERR_REALTIME_CLOSED, start too, and nothing is told any more',
      run: on(async (cluster) => {
        const [node] = await cluster.started(await cluster.application(), 1);
        ok(node);
        const underWay = node.broker.publish(Buffer.from('under way'), 'all').catch(() => undefined);
        await settlesWithin(node.broker.close(), limits.closeMs, 'close');
        await settlesWithin(underWay, limits.publishMs, 'a publish that was under way');
        const [heard, states] = [node.heard.length, node.states.length];
        await expectClosed(node.broker.publish(Buffer.from('late'), 'all'), limits.publishMs, 'publish after close');
        await expectClosed(node.broker.start(node), limits.startMs, 'start after close');
        deepEqual([node.heard.length, node.states.length], [heard, states]);
      }),
    },
    {
      title: 'closed before start: closes, and start is refused with ERR_REALTIME_CLOSED',
      run: on(async (cluster) => {
        const node = cluster.node(await cluster.application());
        await settlesWithin(node.broker.close(), limits.closeMs, 'close');
        await expectClosed(node.broker.start(node), limits.startMs, 'start after close');
      }),
    },
    {
      title: 'closed while it starts: both settle in time, and start does not pretend to be up',
      run: on(async (cluster) => {
        const node = cluster.node(await cluster.application());
        const starting = node.broker.start(node);
        starting.catch(() => {});
        await settlesWithin(node.broker.close(), limits.closeMs, 'close during start');
        const outcome = await settlesWithin(starting, limits.startMs, 'a start that was closed');
        if (outcome.status === 'rejected') isClosed(outcome.reason);
        const states = node.states.length;
        await expectClosed(publishOn(node.broker), limits.publishMs, 'publish after close');
        equal(node.states.length, states);
      }),
    },
  ];
}

function publishOn(broker: Broker): Promise<void> {
  return broker.publish(Buffer.from('late'), 'all');
}

async function expectClosed(promise: Promise<unknown>, withinMs: number, what: string): Promise<void> {
  isClosed(await rejectsWithin(promise, withinMs, what));
}

function isClosed(error: unknown): void {
  ok(error instanceof RealtimeError, `rejected with ${String(error)}, not with a RealtimeError`);
  equal(error.code, 'ERR_REALTIME_CLOSED');
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap' || type === 'TLSWrap').length;
}

function comesTrue(holds: () => boolean, withinMs: number, complaint: string): Promise<void> {
  return comesTrueAsync(async () => holds(), withinMs, complaint);
}

async function comesTrueAsync(
  holds: () => Promise<boolean>,
  withinMs: number,
  complaint = 'something is left on the server after close',
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    ok(performance.now() < deadline, complaint);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
