import { expect } from 'chai';
import { missingKafka } from '../servers/kafka';
import { KafkaTopics } from '../servers/kafka-topics';
import { missingRabbitmq } from '../servers/rabbitmq';
import { missingRedis, startRedis } from '../servers/redis';
import { missingRocketmq } from '../servers/rocketmq';
import { describeWithServer } from '../servers/server';
import { sharedKafka, sharedRocketmq } from '../servers/shared-jvm';
import { sharedRabbitmq } from '../servers/shared-rabbitmq';
import { ExampleCluster, login, post, pushByKey } from './example-cluster';

/** Topics and groups are named after the app. */
const TOPIC = 'express-realtime-example-realtime';
const MIA = { id: 3, userType: 1, tenantId: 1 };

/** A broker of this run, as its processes name it. */
interface Started {
  readonly url: (index: number) => string;
  stop?(): Promise<void>;
}

const BROKERS = [
  {
    name: 'Redis',
    missing: missingRedis(),
    start: async (): Promise<Started> => {
      const redis = await startRedis();
      return { url: () => redis.url, stop: () => redis.stop() };
    },
  },
  {
    name: 'RabbitMQ',
    missing: missingRabbitmq(),
    start: async (): Promise<Started> => {
      const { url } = await sharedRabbitmq();
      return { url: () => url };
    },
  },
  {
    name: 'Kafka',
    missing: missingKafka(),
    start: async (): Promise<Started> => {
      const kafka = await sharedKafka();
      const topics = await KafkaTopics.on(kafka);
      await topics.create(TOPIC);
      return { url: () => `kafka://${kafka.address}`, stop: () => topics.close() };
    },
  },
  {
    name: 'RocketMQ',
    missing: missingRocketmq(),
    start: async (): Promise<Started> => {
      const { admin, endpoints } = await sharedRocketmq();
      await admin.createTopic({ topic: TOPIC });
      for (const slot of [0, 1, 2]) await admin.createGroup(`${TOPIC}-${slot}`, { topic: TOPIC });
      return { url: (index) => `rocketmq://${endpoints}?slot=${index}` };
    },
  },
];

for (const { name, missing, start } of BROKERS) {
  describeWithServer(`three processes of the example app on ${name}`, missing, function () {
    this.timeout(180_000);
    let broker: Started | undefined;
    let cluster: ExampleCluster;
    let urls: string[];

    before(async () => {
      const { url } = (broker = await start());
      cluster = new ExampleCluster(url);
      urls = await Promise.all([0, 1, 2].map((index) => cluster.start(index)));
    });

    after(async () => {
      const codes = await cluster?.close();
      await broker?.stop?.();
      if (codes) expect(codes).to.deep.equal([0, 0, 0]);
    });

    it('shows a user on A what is pushed on B and by the sender API of C, once and in order', async () => {
      const [a = '', b = '', c = ''] = urls;
      const [mia, bea, ada] = [await login(a, 'mia'), await login(a, 'bea'), await login(b, 'ada')];
      const [tab, stranger] = [await cluster.tab(a, mia), await cluster.tab(a, bea)];
      const { userType, tenantId } = MIA;
      const wait = { timeoutMs: 10_000 };

      const { body: draft } = await post(b, ada, '/api/notices', { title: 'From B', content: 'x' }).expect(201);
      const { body: pushed } = await post(b, ada, `/api/notices/${draft.id}/push`, {}).expect(200);
      expect(pushed.reached).to.equal(0);
      expect(await tab.next('notice-push', wait)).to.deep.equal(pushed.notice);

      for (let number = 0; number < 20; number += 1) {
        const target = { userId: MIA.id, userType, tenantId };
        const { body: receipt } = await pushByKey(c, { target, type: 'from-c', content: { number } }).expect(200);
        expect(receipt).to.include({ delivered: 0, relay: 'accepted' });
      }
      for (let number = 0; number < 20; number += 1) {
        expect(await tab.next('from-c', wait)).to.deep.equal({ number });
      }

      // A marker that the other tenant does get: nothing else came before it, and nothing twice.
      await pushByKey(c, { target: { everyone: true, allTenants: true }, type: 'marker', content: 1 }).expect(200);
      await Promise.all([tab.next('marker', wait), stranger.next('marker', wait)]);
      const left = [tab, stranger].map(({ unread }) =>
        unread.map(({ type }) => type).filter((type) => type === 'notice-push' || type === 'from-c'),
      );
      expect(left).to.deep.equal([[], []]);
    });
  });
}
