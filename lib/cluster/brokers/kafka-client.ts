import { connect as connectPlain, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Admin, Consumer, ISocketFactory, Kafka, KafkaConfig, Producer } from 'kafkajs';
import type * as Driver from 'kafkajs';
import { loadDriver } from './driver';

/** How a Kafka cluster is reached: its addresses, or a `Kafka` object of the application. */
export interface KafkaAccess {
  readonly kafka: object | undefined;
  /** Of kafkajs: `brokers`, `ssl`, `sasl`, `clientId`, `connectionTimeout`. */
  readonly config: object;
}

/** kafkajs alone tries for 30 s, and longer each time. */
const retry = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 };
/** A member that says nothing for so long is dead to its group. */
export const sessionTimeoutMs = 10_000;
/** A request that is not answered by then fails. */
const requestTimeout = 3000;

/**
 * The kafkajs objects of one link. What is made here ends here: kafkajs waits for answers of a hung broker and keeps
 * the process alive meanwhile, so every socket is known and can be cut.
 */
export class KafkaClient {
  readonly admin: Admin;
  readonly producer: Producer;
  readonly #kafka: Kafka;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  /** @throws ERR_REALTIME_BROKER_SETUP when kafkajs is not installed. */
  constructor(access: KafkaAccess) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded where it is needed, never by the core
    const driver = loadDriver('kafkajs', () => require('kafkajs') as typeof Driver);
    const common = { retry, requestTimeout, logLevel: driver.logLevel.NOTHING, socketFactory: this.#makeSocket };
    // Checked by kafkaBroker; kafkajs is not named in its options, so that they compile where it is not installed.
    const config = { ...access.config, ...common } as KafkaConfig;
    this.#kafka = (access.kafka as Kafka | undefined) ?? new driver.Kafka(config);
    this.admin = this.#kafka.admin({ retry });
    this.producer = this.#kafka.producer({
      retry,
      allowAutoTopicCreation: false,
      createPartitioner: driver.Partitioners.DefaultPartitioner,
      // After a timeout an idempotent producer is stuck for good: "out of order sequence number" for every send.
      idempotent: false,
    });
  }

  /** A consumer that never restarts itself: that would rejoin the old group, wait for it, and go on after `disconnect`. */
  consumer(groupId: string): Consumer {
    return this.#kafka.consumer({
      groupId,
      maxWaitTimeInMs: 250,
      minBytes: 1,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: 1000,
      rebalanceTimeout: 5000,
      allowAutoTopicCreation: false,
      retry: { ...retry, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  /** Cuts every connection and lets no further one be made; what is under way fails. Not those of a handed-in object. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy(new Error('closed by this process'));
  }

  readonly #makeSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#isCut) throw new Error('closed by this process');
    const servername = isIP(host) === 0 ? { servername: host } : {};
    // Typed as always there, but undefined on a plain connection.
    const options = ssl as typeof ssl | undefined;
    const socket = options
      ? connectTls({ host, port, ...servername, ...options }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, 30_000);
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  };
}
