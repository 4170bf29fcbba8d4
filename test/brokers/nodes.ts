import type { Broker } from '../../lib/cluster/brokers/broker';
import { ContractNode, newName } from '../../lib/testing/contract-node';

const opened: ContractNode[] = [];

/** A node on this broker, not started; {@link closeNodes} closes it. */
export function nodeOn(broker: Broker, name = newName()): ContractNode {
  const node = new ContractNode(name, broker);
  opened.push(node);
  return node;
}

/** A started node. */
export async function startNode(broker: Broker, name?: string): Promise<ContractNode> {
  const node = nodeOn(broker, name);
  await node.broker.start(node);
  return node;
}

/** Two started nodes of one application. */
export async function startTwo(
  first: Broker,
  second: Broker,
  name = newName(),
): Promise<readonly [ContractNode, ContractNode]> {
  return [await startNode(first, name), await startNode(second, name)];
}

/** Starts a node whose start is to fail; gives the error. */
export async function startFails(broker: Broker, name?: string): Promise<Error & { readonly code?: string }> {
  const node = nodeOn(broker, name);
  try {
    await node.broker.start(node);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('start did not fail');
}

/** Starts a node whose server is away; gives the cause that it is told. */
export async function startWaits(broker: Broker, withinMs: number): Promise<Error> {
  const node = nodeOn(broker);
  node.broker.start(node).catch(() => {});
  await node.is('down', withinMs);
  const cause = node.states.at(-1)?.cause;
  if (!cause) throw new Error('told "down" without a cause');
  return cause;
}

/** Publishes and gives the error, or undefined when the broker took it. */
export async function publishError(
  node: ContractNode,
  text: string,
  to: 'all' | readonly string[] = 'all',
): Promise<Error | undefined> {
  try {
    await node.broker.publish(Buffer.from(text), to);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

export async function say(node: ContractNode, text: string, to: 'all' | readonly string[] = 'all'): Promise<void> {
  await node.broker.publish(Buffer.from(text), to);
}

/** For `afterEach`. */
export async function closeNodes(): Promise<void> {
  await Promise.all(opened.splice(0).map(({ broker }) => broker.close()));
}
