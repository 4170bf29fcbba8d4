import { rabbitmqBroker } from '../../lib/cluster/brokers/rabbitmq';
import { FaultProxy } from '../servers/fault-proxy';
import { missingRabbitmq } from '../servers/rabbitmq';
import type { RabbitmqServer } from '../servers/rabbitmq';
import { describeWithServer } from '../servers/server';
import { sharedRabbitmq } from '../servers/shared-rabbitmq';
import { itKeepsTheContract } from './describe-contract';
import { proxiedNetwork } from './proxied-network';

describeWithServer('broker contract: RabbitMQ', missingRabbitmq(), () => {
  let rabbitmq: RabbitmqServer;
  let proxy: FaultProxy;

  before(async function () {
    this.timeout(150_000);
    rabbitmq = await sharedRabbitmq();
    proxy = await FaultProxy.start(rabbitmq.port);
  });

  after(() => proxy?.stop());

  itKeepsTheContract({
    create: () => rabbitmqBroker({ url: rabbitmq.url }),
    // No other test has queues at the same time.
    leftovers: async () => (await rabbitmq.control('list_queues', 'name')).split('\n').filter(Boolean),
    faults: {
      kill: () => rabbitmq.server.kill(),
      restart: () => rabbitmq.server.restart(),
      freeze: () => rabbitmq.server.freeze(),
      thaw: () => rabbitmq.server.thaw(),
    },
    network: proxiedNetwork(
      () => proxy,
      (port) => rabbitmqBroker({ url: `amqp://127.0.0.1:${port}` }),
    ),
    limits: { publishMs: 2500, noticeMs: 7000 },
  });
});
