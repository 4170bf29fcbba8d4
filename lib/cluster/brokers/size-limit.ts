import { RealtimeError } from '../../model/errors';
import type { Broker } from './broker';

/** The same broker, but a publish of more than `maxBytes` is refused at once, before it can cost a batch its send. */
export function refuseLarger(broker: Broker, maxBytes: number): Broker {
  return {
    label: broker.label,
    start: (node) => broker.start(node),
    publish: (bytes, to) => {
      if (bytes.length <= maxBytes) return broker.publish(bytes, to);
      const message = `${broker.label} takes at most ${maxBytes} bytes, got ${bytes.length}; it was not sent`;
      return Promise.reject(new RealtimeError('ERR_REALTIME_BROKER', message));
    },
    close: () => broker.close(),
  };
}
