import type { Broker } from '../../lib/cluster/brokers/broker';
import type { BrokerNetwork } from '../../lib/testing/contract-setup';
import type { FaultProxy } from '../servers/fault-proxy';

/** The network of the contract suite, made of a {@link FaultProxy} in front of the server. */
export function proxiedNetwork(
  proxy: () => FaultProxy,
  create: (port: number, index: number) => Broker,
): BrokerNetwork {
  return {
    create: ({ index }) => create(proxy().port, index),
    async cut() {
      await proxy().refuse();
      proxy().reset();
    },
    async heal() {
      proxy().delay(0);
      proxy().resume('both');
      await proxy().accept();
    },
    slow: (ms) => proxy().delay(ms),
    stall: () => proxy().pause('toClient'),
  };
}
