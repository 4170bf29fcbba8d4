import { startRabbitmq } from './rabbitmq';
import { shareServer } from './server';

/** The one RabbitMQ of this run: it takes some six seconds to start. */
export const sharedRabbitmq = shareServer(startRabbitmq);
