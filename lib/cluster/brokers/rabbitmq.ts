import type { Broker } from './broker';
import { checkMs, checkOptionKeys, optionError } from './check-options';
import { LinkedBroker } from './linked-broker';
import type { LinkPlan } from './linked-broker';
import { isVhostRefusal, vhostError } from './rabbitmq-faults';
import { RabbitmqLink } from './rabbitmq-link';
import { rabbitmqSource } from './rabbitmq-source';
import type { RabbitmqAddress, RabbitmqSource } from './rabbitmq-source';

export type { RabbitmqAddress } from './rabbitmq-source';

/** Options of {@link rabbitmqBroker}. */
export interface RabbitmqBrokerOptions extends RabbitmqAddress {
  /** A direct, non-durable exchange, made when it is missing. Default `realtime.<name>`. */
  readonly exchange?: string | undefined;
  /** A publish is settled within this time. Default 2,000. */
  readonly publishTimeoutMs?: number | undefined;
}

/**
 * Makes a broker on RabbitMQ with amqplib 2: one direct exchange, a server-named exclusive queue per node, publisher
 * confirms. All of it is made anew after a lost connection, a channel error or a deleted queue.
 *
 * At most once: while a node is cut off from RabbitMQ, what the others publish is lost to it.
 *
 * @throws ERR_REALTIME_OPTION for a wrong option. `start` rejects with ERR_REALTIME_BROKER_SETUP for a refused
 *   login, missing rights, an unknown vhost, an exchange of another type, a TLS fault or a missing `amqplib`.
 */
export function rabbitmqBroker(options: RabbitmqBrokerOptions): Broker {
  checkOptionKeys('rabbitmqBroker', options, optionKeys);
  const { exchange } = options;
  if (
    exchange !== undefined &&
    (typeof exchange !== 'string' || exchange === '' || Buffer.byteLength(exchange) > 255)
  ) {
    throw optionError('rabbitmqBroker: exchange must be a string of 1 to 255 bytes');
  }
  const source = rabbitmqSource(options);
  return new LinkedBroker({
    label: source.label,
    publishTimeoutMs: checkMs('rabbitmqBroker', 'publishTimeoutMs', options.publishTimeoutMs, 2000),
    maxInFlight: 500,
    open: openLinks(source, exchange),
  });
}

const optionKeys = ['url', 'options', 'socket', 'exchange', 'publishTimeoutMs'];

/** Opens links; a vhost that is refused three times in a row is unknown. */
function openLinks(source: RabbitmqSource, exchange: string | undefined): LinkPlan['open'] {
  let refusals = 0;
  return async (node, scope) => {
    try {
      const send = await new RabbitmqLink(source, exchange, node, scope).open();
      refusals = 0;
      return send;
    } catch (fault) {
      refusals = isVhostRefusal(fault) ? refusals + 1 : 0;
      throw refusals >= 3 ? vhostError(source) : fault;
    }
  };
}
