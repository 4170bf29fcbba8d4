import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { BrokerContractLimits, BrokerContractSetup } from './contract-setup';
import { numbered, publishAll, withCluster } from './contract-cluster';
import type { ContractCluster } from './contract-cluster';
import type { ContractNode } from './contract-node';

/** What reaches whom, how often and in which order, while all is well. */
export function carryingCases(
  setup: BrokerContractSetup,
  limits: BrokerContractLimits,
): { readonly title: string; run(): Promise<void> }[] {
  const on = (run: (cluster: ContractCluster) => Promise<void>) => () => withCluster(setup, limits, run);
  return [
    {
      title: 'reaches three nodes, each exactly once',
      run: on(async (cluster) => {
        const nodes = await cluster.started(await cluster.application(), 3);
        await Promise.all(nodes.map((node) => publishAll(node, [...numbered(node.id, 100), `${node.id} end`])));
        await allHear(
          nodes,
          nodes.map(({ id }) => `${id} end`),
          limits.deliverMs,
        );
        const expected = nodes.flatMap(({ id }) => [...numbered(id, 100), `${id} end`]).sort();
        for (const node of nodes) deepEqual([...node.texts].sort(), expected);
      }),
    },
    {
      title: 'start resolves only when what is published from then on is heard',
      run: on(async (cluster) => {
        const name = await cluster.application();
        const [first] = await cluster.started(name, 1);
        ok(first);
        for (const round of numbered('round', 3)) {
          const [next] = await cluster.started(name, 1);
          ok(next);
          await first.broker.publish(Buffer.from(round), 'all');
          await next.hears(round, limits.deliverMs);
          await first.broker.publish(Buffer.from(`${round} for you`), [next.id]);
          await next.hears(`${round} for you`, limits.deliverMs);
        }
      }),
    },
    {
      title: 'keeps the order of each node, with publishes that overlap',
      run: on(async (cluster) => {
        const nodes = await cluster.started(await cluster.application(), 2);
        const sent = new Map(nodes.map(({ id }) => [id, [...numbered(id, limits.frames), `${id} end`]]));
        await Promise.all(nodes.map((node) => publishAll(node, sent.get(node.id) ?? [])));
        await allHear(
          nodes,
          nodes.map(({ id }) => `${id} end`),
          limits.deliverMs,
        );
        for (const { texts } of nodes) {
          for (const [id, expected] of sent)
            deepEqual(
              texts.filter((text) => text.startsWith(id)),
              expected,
            );
        }
      }),
    },
    {
      title:
        setup.addressesNodes === false
          ? 'what goes to some nodes reaches them'
          : 'what goes to some nodes reaches them alone',
      run: on(async (cluster) => {
        const nodes = await cluster.started(await cluster.application(), 3);
        const [sender, second, third] = nodes;
        ok(sender && second && third);
        await sender.broker.publish(Buffer.from('for one'), [second.id]);
        await sender.broker.publish(Buffer.from('for two'), [second.id, third.id]);
        await sender.broker.publish(Buffer.from('for nobody'), []);
        await sender.broker.publish(Buffer.from('end'), 'all');
        await allHear(nodes, ['end'], limits.deliverMs);
        await second.hears('for one', limits.deliverMs);
        await Promise.all([second, third].map((node) => node.hears('for two', limits.deliverMs)));
        if (setup.addressesNodes === false) return;
        deepEqual(
          nodes.map((node) => node.countOf('for one')),
          [0, 1, 0],
        );
        deepEqual(
          nodes.map((node) => node.countOf('for two')),
          [0, 1, 1],
        );
        deepEqual(
          nodes.map((node) => node.countOf('for nobody')),
          [0, 0, 0],
        );
      }),
    },
    {
      title: 'carries any bytes, unchanged, up to the size promised',
      run: on(async (cluster) => {
        const nodes = await cluster.started(await cluster.application(), 2);
        const [sender, other] = nodes;
        ok(sender && other);
        const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
        const sent = [everyByte, Buffer.from([0]), randomBytes(limits.bigBytes), randomBytes(70_000)];
        await Promise.all(sent.map((bytes) => sender.broker.publish(bytes, 'all')));
        await other.until(() => other.heard.length === sent.length, limits.deliverMs, 'heard them all');
        sent.forEach((bytes, index) => ok(other.heard[index]?.equals(bytes), `message ${index} came changed`));
      }),
    },
    {
      title: 'keeps two applications on one server apart',
      run: on(async (cluster) => {
        const names = [await cluster.application(), await cluster.application()];
        const nodes: ContractNode[] = [];
        for (const name of names) nodes.push(...(await cluster.started(name, 2)));
        for (const node of nodes) {
          await node.broker.publish(Buffer.from(`${node.name} says`), 'all');
          // To a node of the other application: whether it is refused or lost, it must not arrive.
          const strangers = nodes.filter(({ name }) => name !== node.name).map(({ id }) => id);
          await node.broker.publish(Buffer.from(`${node.name} intrudes`), strangers).catch(() => {});
          await node.broker.publish(Buffer.from(`${node.id} end`), 'all');
        }
        for (const node of nodes) {
          const own = nodes.filter(({ name }) => name === node.name);
          await allHear(
            [node],
            own.map(({ id }) => `${id} end`),
            limits.deliverMs,
          );
          equal(node.countOf(`${node.name} says`), 2);
          const foreign = names.filter((name) => name !== node.name);
          ok(!node.texts.some((text) => foreign.some((name) => text.startsWith(name))), 'heard another application');
        }
      }),
    },
  ];
}

async function allHear(nodes: readonly ContractNode[], texts: readonly string[], withinMs: number): Promise<void> {
  await Promise.all(
    nodes.map((node) => {
      const missing = new Set(texts);
      let seen = 0;
      const holds = (): boolean => {
        for (; seen < node.heard.length; seen += 1) missing.delete(node.heard[seen]?.toString() ?? '');
        return missing.size === 0;
      };
      return node.until(holds, withinMs, `heard ${texts.join(', ')}`);
    }),
  );
}
