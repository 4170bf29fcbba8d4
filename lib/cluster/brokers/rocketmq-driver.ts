import type * as Driver from 'rocketmq-client-nodejs';
import { RealtimeError } from '../../model/errors';
import { loadDriver } from './driver';
import { SettingsStreams } from './rocketmq-streams';
import type { SettingsStream } from './rocketmq-streams';

/** How the proxy is reached, in the driver's own words. */
export interface RocketmqAccess {
  readonly endpoints: string;
  readonly sslEnabled: boolean;
  readonly namespace: string;
  readonly sessionCredentials?: Driver.SessionCredentials;
}

/** What the clients of one link tell. */
export interface RocketmqListeners {
  handleMessage(message: Driver.MessageView): void;
  /** The stream of settings broke; it alone tells that the consumer group is missing. */
  readonly handleStreamFault: (fault: Error) => void;
  handlePollFault(fault: Error): void;
}

/** Both clients of one link, and how to get rid of them. */
export interface RocketmqClients {
  readonly producer: Driver.Producer;
  readonly consumer: Driver.PushConsumer;
  /** The topic's queues, once started. */
  queues(): readonly Driver.MessageQueue[];
  /** Lets go of everything at once and for good. The driver's own shutdown may wait for ever, and leaves timers. */
  cut(): void;
}

/** Inner methods are overridden, so it must be this version. */
const version = '1.0.8';
/** The shortest poll that a proxy takes. Its own default is 20 s, and a poll may outlive its client by as much. */
const pollMs = 5000;
const requestTimeout = 3000;
/** The driver's own pauses are up to 2 s, between its tries at start and while it shuts down. */
const pauseMs = 50;
const quiet = { info: ignore, warn: ignore, error: ignore, debug: ignore, close: ignore };

/**
 * Makes the clients out of the driver's classes, with what these lack: no log file under HOME, no stream that is
 * reopened for ever, no timer that stays, short polls, a start that fails at once.
 *
 * @throws ERR_REALTIME_BROKER_SETUP when the driver is missing or is another version.
 */
export function makeClients(
  access: RocketmqAccess,
  names: { readonly topic: string; readonly group: string; readonly tags: string },
  listeners: RocketmqListeners,
): RocketmqClients {
  const driver = loadRocketmq();
  const streams = new SettingsStreams(listeners.handleStreamFault);
  const common = { ...access, requestTimeout, logger: quiet };
  const Producer = producerClass(driver, streams);
  const Consumer = consumerClass(driver, streams, listeners);
  const producer = new Producer({ ...common, topics: [names.topic], maxAttempts: 1 });
  const consumer = new Consumer({
    ...common,
    consumerGroup: names.group,
    subscriptions: new Map([[names.topic, names.tags]]),
    messageListener: { consume: () => Promise.resolve(driver.ConsumeResult.SUCCESS) },
  });
  return {
    producer,
    consumer,
    queues: () => consumer.queues(names.topic),
    cut: () => {
      streams.end();
      consumer.abort();
      for (const client of [producer, consumer]) driver.BaseClient.prototype.shutdown.call(client).catch(ignore);
    },
  };
}

/**
 * Loads the driver.
 *
 * @throws ERR_REALTIME_BROKER_SETUP when it is missing, or of another version.
 */
export function loadRocketmq(): typeof Driver {
  return loadDriver(`rocketmq-client-nodejs@${version}`, () => {
    /* eslint-disable @typescript-eslint/no-require-imports -- an optional package: loaded where it is needed */
    const found = (require('rocketmq-client-nodejs/package.json') as { readonly version: string }).version;
    if (found === version) return require('rocketmq-client-nodejs') as typeof Driver;
    /* eslint-enable @typescript-eslint/no-require-imports */
    throw new RealtimeError('ERR_REALTIME_BROKER_SETUP', `version ${found} is installed`);
  });
}

function producerClass(driver: typeof Driver, streams: SettingsStreams) {
  return class extends driver.Producer {
    override createTelemetryStream(endpoints: Driver.Endpoints): SettingsStream {
      return streams.make(() => super.createTelemetryStream(endpoints));
    }

    protected override sleep(ms: number): Promise<void> {
      return streams.isEnded ? forEver() : super.sleep(Math.min(ms, pauseMs));
    }

    protected override async updateRoutes(): Promise<void> {
      await super.updateRoutes().finally(() => holdIfEnded(streams));
    }

    protected override getTotalRouteEndpoints(): Driver.Endpoints[] {
      return streams.isEnded ? [] : super.getTotalRouteEndpoints();
    }
  };
}

function consumerClass(driver: typeof Driver, streams: SettingsStreams, listeners: RocketmqListeners) {
  return class extends driver.PushConsumer {
    readonly #received = new Set<Driver.ProcessQueue>();

    queues(topic: string): readonly Driver.MessageQueue[] {
      return this.topicRouteCache.get(topic)?.messageQueues ?? [];
    }

    /** Ends the retries of acknowledgements, on which shutdown waits for ever while the proxy is away. */
    abort(): void {
      for (const queue of this.#received) {
        queue.drop();
        queue.abort();
      }
    }

    override createTelemetryStream(endpoints: Driver.Endpoints): SettingsStream {
      return streams.make(() => super.createTelemetryStream(endpoints));
    }

    protected override sleep(ms: number): Promise<void> {
      return streams.isEnded ? forEver() : super.sleep(Math.min(ms, pauseMs));
    }

    protected override async updateRoutes(): Promise<void> {
      await super.updateRoutes().finally(() => holdIfEnded(streams));
    }

    protected override getTotalRouteEndpoints(): Driver.Endpoints[] {
      return streams.isEnded ? [] : super.getTotalRouteEndpoints();
    }

    protected override startAssignmentScanning(): void {
      if (!streams.isEnded) super.startAssignmentScanning();
    }

    /** The first scan comes 1 s after the start, whatever has happened meanwhile. */
    protected override async getRouteData(topic: string): Promise<Driver.TopicRouteData> {
      if (streams.isEnded) throw new Error('ended');
      return super.getRouteData(topic);
    }

    override wrapPushReceiveMessageRequest(
      batchSize: number,
      queue: Driver.MessageQueue,
      filter: Driver.FilterExpression,
      timeoutMs: number,
      attemptId?: string,
    ): ReturnType<Driver.PushConsumer['wrapPushReceiveMessageRequest']> {
      return super.wrapPushReceiveMessageRequest(batchSize, queue, filter, Math.min(timeoutMs, pollMs), attemptId);
    }

    override async receiveMessage(
      ...[request, queue, timeoutMs]: Parameters<Driver.PushConsumer['receiveMessage']>
    ): Promise<Driver.MessageView[]> {
      try {
        return await super.receiveMessage(request, queue, Math.min(timeoutMs, pollMs));
      } catch (fault) {
        if (!streams.isEnded) listeners.handlePollFault(fault instanceof Error ? fault : new Error(String(fault)));
        throw fault;
      }
    }

    /** The driver's own services open a log file under HOME, and call the listener asynchronously. */
    protected override createConsumeService(): Driver.ConsumeService {
      const isFifo = this.getPushConsumerSettings().isFifo();
      const received = this.#received;
      const { SUCCESS } = driver.ConsumeResult;
      const service = class extends driver.ConsumeService {
        override consume(queue: Driver.ProcessQueue, messages: Driver.MessageView[]): void {
          received.add(queue);
          for (const message of messages) {
            // A message whose checksum is wrong is acknowledged as well: no repetition mends it.
            if (!message.corrupted) listeners.handleMessage(message);
            // Without an acknowledgement it comes again; to send one, the driver would connect anew.
            if (streams.isEnded) continue;
            if (isFifo) void queue.eraseFifoMessage(message, SUCCESS);
            else queue.eraseMessage(message, SUCCESS);
          }
        }
      };
      return new service(this.clientId, { consume: () => Promise.resolve(SUCCESS) });
    }
  };
}

/** Stops a start or shutdown that was cut off where it is: going on, it would set timers that nobody clears. */
function holdIfEnded(streams: SettingsStreams): Promise<void> | undefined {
  return streams.isEnded ? forEver() : undefined;
}

function forEver(): Promise<void> {
  return new Promise(() => {});
}

function ignore(): void {}
