import { rocketmqBroker } from '../../lib/cluster/brokers/rocketmq';
import { missingRocketmq } from '../servers/rocketmq';
import type { RocketmqServer } from '../servers/rocketmq';
import { describeWithServer } from '../servers/server';
import { sharedRocketmq } from '../servers/shared-jvm';
import { itKeepsTheContract } from './describe-contract';
import { proxiedNetwork } from './proxied-network';

/** The largest number of nodes that a case starts. */
const slots = [0, 1, 2, 3];

describeWithServer('broker contract: RocketMQ', missingRocketmq(), () => {
  let rocketmq: RocketmqServer;

  before(async function () {
    this.timeout(300_000);
    rocketmq = await sharedRocketmq();
  });

  afterEach(() => {
    delete process.env['grpc_proxy'];
  });

  itKeepsTheContract({
    create: ({ index }) => rocketmqBroker({ endpoints: rocketmq.endpoints, slot: index }),
    prepare: (name) => provision(rocketmq, name),
    faults: {
      kill: () => rocketmq.server.kill(),
      restart: () => rocketmq.server.restart(),
      freeze: () => rocketmq.server.freeze(),
      thaw: () => rocketmq.server.thaw(),
    },
    network: proxiedNetwork(
      () => rocketmq.proxy,
      (port, index) => {
        process.env['grpc_proxy'] = `http://127.0.0.1:${port}`;
        return rocketmqBroker({ endpoints: rocketmq.endpoints, slot: index });
      },
    ),
    limits: { publishMs: 3500, recoverMs: 10_000 },
  });
});

async function provision({ admin }: RocketmqServer, name: string): Promise<void> {
  const topic = { topic: `${name}-realtime` };
  await admin.createTopic(topic);
  for (const slot of slots) await admin.createGroup(`${name}-realtime-${slot}`, topic);
}
