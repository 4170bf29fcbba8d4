import { exclusiveServer } from './exclusive';
import { startKafka } from './kafka';
import { startRocketmq } from './rocketmq';

/** The Kafka of this run; asking for it stops RocketMQ. */
export const sharedKafka = exclusiveServer(() => startKafka());

/** The RocketMQ of this run; asking for it stops Kafka. */
export const sharedRocketmq = exclusiveServer(startRocketmq);
