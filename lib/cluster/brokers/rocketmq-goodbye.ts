import { RealtimeError } from '../../model/errors';
import { pause } from './pause';
import type { RocketmqClients } from './rocketmq-driver';

/** For ending the poll, the last acknowledgements and the farewell; where the link broke there is hardly anyone to tell. */
const goodbyeMs = { whole: 2500, broken: 100 };
const wakeMs = 200;

/**
 * Ends both clients: well where the proxy still answers, which an error of this package says, and in any case.
 *
 * @param wake sends a message to this slot. A consumer waits for its open poll, up to 5 s, and that poll would take the
 *   next message with it: one that says nothing ends it.
 */
export async function endClients(clients: RocketmqClients, cause: Error, wake: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  void sayGoodbye(clients, wake, done.signal)
    .catch(() => {})
    .finally(() => done.abort());
  await pause(cause instanceof RealtimeError ? goodbyeMs.whole : goodbyeMs.broken, done.signal);
  clients.cut();
  done.abort();
}

async function sayGoodbye(
  { consumer, producer }: RocketmqClients,
  wake: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const down = consumer.shutdown().finally(() => ended.abort());
  down.catch(() => {});
  while (!ended.signal.aborted && !signal.aborted) {
    await wake();
    await pause(wakeMs, AbortSignal.any([ended.signal, signal]));
  }
  await Promise.allSettled([down, producer.shutdown()]);
}
