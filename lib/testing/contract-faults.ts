import { deepEqual, equal, ok } from 'node:assert/strict';
import type { BrokerContractLimits, BrokerContractSetup, BrokerFaults, BrokerNetwork } from './contract-setup';
import { numbered, publishAll, withCluster } from './contract-cluster';
import type { ContractCluster } from './contract-cluster';
import { rejectsWithin, settlesWithin } from './contract-node';
import type { ContractNode } from './contract-node';
import { PublishLoad } from './contract-load';

interface FaultCase {
  readonly title: string;
  run(): Promise<void>;
}

/** What a fault does, and that it passes without a trace. */
export function faultCases(setup: BrokerContractSetup, limits: BrokerContractLimits): FaultCase[] {
  const { network, faults } = setup;
  return [
    ...(network ? networkCases(setup, limits, network) : []),
    ...(faults ? serverCases(setup, limits, faults) : []),
  ];
}

function networkCases(setup: BrokerContractSetup, limits: BrokerContractLimits, network: BrokerNetwork): FaultCase[] {
  const on = (run: (nodes: ContractNode[], cluster: ContractCluster) => Promise<void>) => async () => {
    try {
      await withCluster(
        ...([setup, limits] as const),
        async (cluster) => run(await cluster.started(await cluster.application(), 2), cluster),
        (place) => network.create(place),
      );
    } finally {
      await network.heal();
    }
  };
  return [
    {
      title: 'slow network: everything still arrives once and in order, and nobody is told "down"',
      run: on(async (nodes) => {
        await network.slow(100);
        const [sender, other] = nodes;
        ok(sender && other);
        const sent = [...numbered('slow', 500), 'slow end'];
        await publishAll(sender, sent);
        await Promise.all(nodes.map((node) => node.hears('slow end', limits.deliverMs)));
        for (const node of nodes) deepEqual(node.texts, sent);
        deepEqual(
          nodes.flatMap(({ states }) => states.map(({ state }) => state)),
          ['up', 'up'],
        );
      }),
    },
    {
      title: 'cut network: told "down", publishes settle in time; afterwards "up", and all arrives once',
      run: on(async (nodes) => {
        const counts = await PublishLoad.during(nodes, limits, async (faultBegins) => {
          faultBegins();
          await network.cut();
          await Promise.all(nodes.map((node) => node.is('down', limits.noticeMs)));
          await rejectsPublish(nodes, limits);
          await network.heal();
          await Promise.all(nodes.map((node) => node.is('up', limits.recoverMs)));
        });
        setup.report?.(`cut network: ${counts}`);
      }),
    },
    {
      title: 'half-dead network, nothing comes back: noticed in time, publishes settle; afterwards "up"',
      run: on(async (nodes) => {
        let noticed = 0;
        const counts = await PublishLoad.during(nodes, limits, async (faultBegins) => {
          faultBegins();
          const since = performance.now();
          await network.stall();
          await Promise.all(nodes.map((node) => node.is('down', limits.noticeMs)));
          noticed = Math.round(performance.now() - since);
          await network.heal();
          await Promise.all(nodes.map((node) => node.is('up', limits.recoverMs)));
        });
        setup.report?.(`half-dead network: noticed after ${noticed} ms, ${counts}`);
      }),
    },
  ];
}

function serverCases(setup: BrokerContractSetup, limits: BrokerContractLimits, faults: BrokerFaults): FaultCase[] {
  return [
    {
      title: 'server frozen: noticed in time, publishes settle, close too; afterwards "up" without a new start',
      run: async () => {
        try {
          await withCluster(setup, limits, (cluster) => freezeCase(setup, limits, faults, cluster));
        } finally {
          await faults.thaw();
        }
      },
    },
    {
      title: 'server killed: told "down"; a node that starts meanwhile waits; all are "up" soon after the restart',
      run: () => withCluster(setup, limits, (cluster) => killCase(setup, limits, faults, cluster)),
    },
  ];
}

async function freezeCase(
  setup: BrokerContractSetup,
  limits: BrokerContractLimits,
  faults: BrokerFaults,
  cluster: ContractCluster,
): Promise<void> {
  const [first, second, third] = await cluster.started(await cluster.application(), 3);
  ok(first && second && third);
  let [noticed, recovered] = [0, 0];
  const counts = await PublishLoad.during([first, second], limits, async (faultBegins) => {
    faultBegins();
    const frozenAt = performance.now();
    await faults.freeze();
    await Promise.all([first, second, third].map((node) => node.is('down', limits.noticeMs)));
    noticed = Math.round(performance.now() - frozenAt);
    await rejectsPublish([first], limits);
    await settlesWithin(third.broker.close(), limits.closeMs, 'close while the server is frozen');
    await faults.thaw();
    const thawedAt = performance.now();
    await Promise.all([first, second].map((node) => node.is('up', limits.recoverMs)));
    recovered = Math.round(performance.now() - thawedAt);
  });
  setup.report?.(`freeze: noticed after ${noticed} ms, up ${recovered} ms after the end, ${counts}`);
}

async function killCase(
  setup: BrokerContractSetup,
  limits: BrokerContractLimits,
  faults: BrokerFaults,
  cluster: ContractCluster,
): Promise<void> {
  const name = await cluster.application();
  const nodes = await cluster.started(name, 2);
  let recovered = 0;
  const counts = await PublishLoad.during(nodes, limits, async (faultBegins) => {
    faultBegins();
    await faults.kill();
    await Promise.all(nodes.map((node) => node.is('down', limits.noticeMs)));
    await rejectsPublish(nodes, limits);
    const newcomer = cluster.node(name);
    const { starting } = await startsAndWaits(newcomer, limits);
    await faults.restart();
    const restartedAt = performance.now();
    const all = [...nodes, newcomer];
    await Promise.all(all.map((node) => node.is('up', limits.recoverMs)));
    recovered = Math.round(performance.now() - restartedAt);
    await settlesWithin(starting, limits.startMs, 'the start that waited');
    await newcomer.broker.publish(Buffer.from('newcomer'), 'all');
    await Promise.all(all.map((node) => node.hears('newcomer', limits.deliverMs)));
  });
  setup.report?.(`kill: up ${recovered} ms after the restart, ${counts}`);
}

/** Without a server, `start` says why and stays pending; gives its promise, in an object so that nobody awaits it. */
async function startsAndWaits(
  node: ContractNode,
  limits: BrokerContractLimits,
): Promise<{ readonly starting: Promise<void> }> {
  let hasSettled = false;
  const starting = node.broker.start(node).finally(() => {
    hasSettled = true;
  });
  starting.catch(() => {});
  await node.is('down', limits.noticeMs);
  ok(node.states[0]?.cause instanceof Error, '"down" came without a cause');
  equal(hasSettled, false, 'start settled without a server');
  await rejectsPublish([node], limits);
  return { starting };
}

/** While a node is down, its publishes are rejected in time, with an error of this package. */
async function rejectsPublish(nodes: readonly ContractNode[], limits: BrokerContractLimits): Promise<void> {
  for (const { broker } of nodes) {
    const error = await rejectsWithin(
      broker.publish(Buffer.from('lost'), 'all'),
      limits.publishMs,
      'publish while down',
    );
    equal((error as { readonly code?: unknown }).code, 'ERR_REALTIME_BROKER');
  }
}
