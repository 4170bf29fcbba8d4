import { kafkaBroker } from '../../lib/cluster/brokers/kafka';
import { KafkaTopics } from '../servers/kafka-topics';
import { missingKafka } from '../servers/kafka';
import type { KafkaServer } from '../servers/kafka';
import { describeWithServer } from '../servers/server';
import { sharedKafka } from '../servers/shared-jvm';
import { itKeepsTheContract } from './describe-contract';
import { proxiedNetwork } from './proxied-network';

describeWithServer('broker contract: Kafka', missingKafka(), () => {
  let kafka: KafkaServer;
  let topics: KafkaTopics;

  before(async function () {
    this.timeout(300_000);
    kafka = await sharedKafka();
    topics = await KafkaTopics.on(kafka);
  });

  after(() => topics?.close());

  itKeepsTheContract({
    create: () => kafkaBroker({ brokers: [kafka.address] }),
    prepare: (name) => topics.create(`${name}-realtime`),
    leftovers: (name) => topics.groupsOf(`${name}-realtime`),
    faults: {
      kill: () => kafka.server.kill(),
      restart: () => kafka.server.restart(),
      freeze: () => kafka.server.freeze(),
      thaw: () => kafka.server.thaw(),
    },
    network: proxiedNetwork(
      () => kafka.proxy,
      (port) => kafkaBroker({ brokers: [`127.0.0.1:${port}`] }),
    ),
    // A group takes its time to join, and what waits for a broker that hangs is settled after 5 s.
    limits: { publishMs: 5500, recoverMs: 10_000 },
  });
});
