import { equal } from 'node:assert/strict';
import type { Broker } from '../cluster/brokers/broker';
import type { BrokerContractLimits, BrokerContractSetup, BrokerPlace } from './contract-setup';
import { ContractNode, newName, settlesWithin } from './contract-node';

/** The nodes of one case. */
export class ContractCluster {
  readonly #setup: BrokerContractSetup;
  readonly #limits: BrokerContractLimits;
  readonly #create: (place: BrokerPlace) => Broker;
  readonly #nodes: ContractNode[] = [];

  constructor(setup: BrokerContractSetup, limits: BrokerContractLimits, create?: (place: BrokerPlace) => Broker) {
    this.#setup = setup;
    this.#limits = limits;
    this.#create = create ?? ((place) => setup.create(place));
  }

  /** Prepares an application. */
  async application(): Promise<string> {
    const name = newName();
    await this.#setup.prepare?.(name);
    return name;
  }

  /** A node that has not been started. */
  node(name: string): ContractNode {
    const index = this.#nodes.filter((each) => each.name === name).length;
    const node = new ContractNode(name, this.#create({ name, index }));
    this.#nodes.push(node);
    return node;
  }

  /** Several nodes of one application, started one after the other. */
  async started(name: string, count: number): Promise<ContractNode[]> {
    const nodes: ContractNode[] = [];
    while (nodes.length < count) {
      const node = this.node(name);
      await this.start(node);
      nodes.push(node);
    }
    return nodes;
  }

  async start(node: ContractNode): Promise<void> {
    const outcome = await settlesWithin(node.broker.start(node), this.#limits.startMs, 'start');
    if (outcome.status === 'rejected') throw outcome.reason;
    equal(node.state, 'up', 'start resolved before the node was told "up"');
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => settlesWithin(node.broker.close(), this.#limits.closeMs, 'close')));
  }
}

/** Runs a case on nodes of its own and closes them, however it ends. */
export async function withCluster(
  setup: BrokerContractSetup,
  limits: BrokerContractLimits,
  run: (cluster: ContractCluster) => Promise<void>,
  create?: (place: BrokerPlace) => Broker,
): Promise<void> {
  const cluster = new ContractCluster(setup, limits, create);
  try {
    await run(cluster);
  } finally {
    await cluster.closeAll();
  }
}

/** Publishes texts so that they overlap, some hundred under way at a time; rejects when one is rejected. */
export async function publishAll(node: ContractNode, texts: readonly string[]): Promise<void> {
  for (let first = 0; first < texts.length; first += 250) {
    const some = texts.slice(first, first + 250);
    await Promise.all(some.map((text) => node.broker.publish(Buffer.from(text), 'all')));
  }
}

/** `<prefix> 0`, `<prefix> 1` … */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index}`);
}
