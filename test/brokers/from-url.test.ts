import { expect } from 'chai';
import { RealtimeError, brokerFromUrl } from '../../lib/index';

describe('brokerFromUrl', () => {
  for (const [url, label] of [
    [undefined, 'local'],
    ['', 'local'],
    ['local:', 'local'],
    ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
    ['rediss://user:secret@redis.example.com:6380/2', 'rediss://redis.example.com:6380/2'],
    ['amqp://user:secret@127.0.0.1:5672/shop?exchange=push', 'amqp://127.0.0.1:5672/shop'],
  ] as const) {
    it(`gives ${label} for ${String(url).replace('secret', '…')}`, () => {
      expect(brokerFromUrl(url).label).to.equal(label);
    });
  }

  it('takes several hosts of Kafka, and shows no password', () => {
    const { label } = brokerFromUrl('kafka://user:secret@a.example.com:9092,b.example.com:9092?topic=push');
    expect(label).to.include('a.example.com:9092').and.to.include('b.example.com:9092');
    expect(label).not.to.include('secret');
  });

  it('takes the mechanism of a Kafka login, and refuses one that there is not', () => {
    brokerFromUrl('kafka://user:secret@localhost:9092?mechanism=scram-sha-512');
    expect(() => brokerFromUrl('kafka://user:secret@localhost:9092?mechanism=md5')).to.throw('sasl.mechanism must be');
  });

  it('takes the slot of RocketMQ, and says so when it is missing', () => {
    expect(brokerFromUrl('rocketmq://127.0.0.1:8081?slot=0&topic=push').label).to.include('127.0.0.1:8081');
    expect(() => brokerFromUrl('rocketmq://127.0.0.1:8081')).to.throw(RealtimeError, 'needs ?slot=');
  });

  for (const url of ['http://127.0.0.1', 'redis', 'nats://127.0.0.1', '/var/run/redis.sock', 'toString:']) {
    it(`refuses ${url} and names the forms`, () => {
      expect(() => brokerFromUrl(url)).to.throw(RealtimeError, 'must be one of: local:; redis://');
    });
  }

  it('never repeats a URL that may hold a password', () => {
    expect(() => brokerFromUrl('mqtt://user:secret@host'))
      .to.throw(RealtimeError)
      .with.property('message')
      .that.does.not.include('secret');
  });
});
