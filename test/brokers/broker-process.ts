import { kafkaBroker } from '../../lib/cluster/brokers/kafka';
import { rocketmqBroker } from '../../lib/cluster/brokers/rocketmq';

/**
 * One node in a process of its own, told what to do by its parent: `start` with the options of a broker, `publish`,
 * `close`. It never exits by force: whatever a broker leaves behind keeps it alive.
 */
const factories = { kafka: kafkaBroker, rocketmq: rocketmqBroker };

interface Start {
  readonly broker: keyof typeof factories;
  readonly options: never;
  readonly name: string;
  readonly id: string;
}

process.once('message', ({ broker: kind, options, name, id }: Start) => {
  const broker = factories[kind](options);
  const tell = (what: string, text = ''): void => {
    if (process.connected) process.send?.({ what, text });
  };
  process.on('message', ({ publish }: { publish?: string }) => {
    if (publish !== undefined) {
      broker.publish(Buffer.from(publish), 'all').then(
        () => tell('published', publish),
        () => tell('rejected', publish),
      );
      return;
    }
    void broker.close().then(() => {
      tell('closed');
      process.disconnect();
    });
  });
  broker
    .start({
      ...{ name, id },
      onBytes: (bytes) => tell('heard', bytes.toString()),
      onState: (state) => tell(state),
    })
    .then(
      () => tell('started'),
      (error: unknown) => tell('failed', String(error)),
    );
});
