import { createServer } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import { attachRealtime } from '../lib/index';
import { localBroker } from '../lib/cluster/brokers/local';
import type { RealtimeOptions } from '../lib/index';

const authenticate = () => ({ id: 1 });
const passport = { authenticate: () => undefined };
const broker = {
  label: 'test',
  start: async () => undefined,
  publish: async () => undefined,
  close: async () => undefined,
};

/** What attaching with these options throws. */
function fault(options: unknown): { readonly code?: unknown; readonly message: string } | undefined {
  const app = express();
  const server = createServer(app);
  try {
    void attachRealtime(server, options as RealtimeOptions).close();
    return undefined;
  } catch (error) {
    // Nothing is left behind by an attach that failed.
    expect(app.locals).not.to.have.property('sender');
    expect(server.listenerCount('upgrade')).to.equal(0);
    return error as { readonly message: string };
  }
}

describe('options', () => {
  for (const wrong of [undefined, null, 7, 'jwt', true]) {
    it(`must be an object, not ${String(wrong)}`, () => {
      expect(fault(wrong)).to.have.property('code', 'ERR_REALTIME_OPTION');
      expect(fault(wrong)?.message).to.match(/^options must be an object, got /);
    });
  }

  const typos: readonly (readonly [string, string | undefined])[] = [
    ['passsport', 'passport'],
    ['maxPayload', 'maxPayloadBytes'],
    ['maxMessagePerSecond', 'maxMessagesPerSecond'],
    ['heartbeat', 'heartbeatMs'],
    ['origin', 'origins'],
    ['onerror', 'onError'],
    ['multitenant', 'multiTenant'],
    ['quux', undefined],
    ['__proto__', undefined],
    ['constructor', undefined],
  ];
  for (const [key, near] of typos) {
    it(`unknown option ${key} throws${near === undefined ? '' : ` and names ${near}`}`, () => {
      const options = Object.defineProperty({ authenticate }, key, { value: 1, enumerable: true });
      const hint = near === undefined ? '' : `; did you mean ${near}?`;
      expect(fault(options)).to.include({ code: 'ERR_REALTIME_OPTION', message: `unknown option "${key}"${hint}` });
    });
  }

  const wrongs: Readonly<Record<string, readonly unknown[]>> = {
    path: ['', 'ws', '/a?b', '/a#b', '/a b', 7, null],
    app: [7, 'app', null],
    passport: [7, {}, null, { authenticate: 1 }],
    strategy: ['', 7, [], [''], null, [7]],
    authenticate: ['fn', {}, null],
    toLoginUser: [1, {}, null],
    middleware: [1, {}, [1], null],
    origins: ['', [], [''], 7, null, true],
    anonymous: [1, 'yes', null],
    authTimeoutMs: [0, -1, 1.5, NaN, Infinity, 2 ** 31, '10', null],
    tokenFrom: ['header', ['cookie'], [1], null],
    maxSessions: [-1, 1.5, NaN, Infinity, '1', null],
    maxSessionsPerUser: [-1, '1', {}, { max: 1 }, { max: -1, policy: 'refuse' }, { max: 1, policy: 'close' }, null],
    maxSessionsPerAddress: [-1, null],
    maxPendingUpgrades: [-1, null],
    maxUpgradesPerSecond: [-1, null],
    localsKey: ['', 7, null],
    enabled: [0, 'no', null],
    multiTenant: [1, null],
    name: ['', 7, null],
    broker: ['redis://', {}, null, { start: 1 }],
    startPolicy: ['wait', true, null],
    startTimeoutMs: [0, null],
    relayMaxAgeMs: [0, null],
    heartbeatMs: [0, 2 ** 31, null],
    maxPayloadBytes: [0, -1, 1.5, 2 ** 31 + 1, '64kb', null],
    maxBufferedBytes: [0, null],
    overflow: ['ignore', null],
    maxQueuedMessages: [-1, null],
    maxQueuedBytes: [-1, null],
    maxPauseMs: [0, null],
    maxMessagesPerSecond: [-1, null],
    maxBytesPerSecond: [-1, null],
    handlerTimeoutMs: [-1, 2 ** 31, null],
    drainMs: [-1, null],
    expiryWarningMs: [-1, null],
    expiryGraceMs: [-1, null],
    revocationMemoryMs: [0, null],
    tickets: [{}, null],
    messages: [{}, { clientToServer: null, serverToClient: null }, null],
    onOpen: [1, null],
    onClose: [1, null],
    onError: [1, null],
    onEvent: [1, null],
  };
  for (const [key, values] of Object.entries(wrongs)) {
    it(`${key} of the wrong kind throws, naming key, wanted and got`, () => {
      for (const value of values) {
        const login = key === 'passport' || key === 'strategy' ? { passport } : { authenticate };
        const error = fault({ ...login, name: 'test', [key]: value });
        expect(error, `${key}: ${String(value)}`).to.have.property('code', 'ERR_REALTIME_OPTION');
        expect(error?.message).to.match(new RegExp(`^option ${key} must be .+, got .+`));
      }
    });
  }

  it('values of an error are never those of the app: strings are not repeated', () => {
    expect(fault({ authenticate: 's3cret' })?.message).to.equal('option authenticate must be a function, got a string');
  });

  it('undefined is as if left out', () => {
    const options = Object.fromEntries(Object.keys(wrongs).map((key) => [key, undefined]));
    expect(fault({ ...options, authenticate })).to.equal(undefined);
  });

  it('exactly one of passport and authenticate', () => {
    expect(fault({})?.message).to.match(/give passport .* or authenticate/);
    expect(fault({ passport, authenticate })?.message).to.equal('give passport or authenticate, not both');
    expect(fault({ authenticate, strategy: 'jwt' })?.message).to.equal('option strategy goes with passport');
    expect(fault({ passport, strategy: ['jwt', 'anonymous'] })).to.equal(undefined);
    expect(fault({ passport, strategy: { name: 'own', authenticate: () => undefined } })).to.equal(undefined);
    expect(fault({ enabled: false })).to.equal(undefined);
  });

  it('a broker needs the name of the app; the local one does not', () => {
    expect(fault({ authenticate, broker })?.message).to.match(/option name is needed with a broker/);
    expect(fault({ authenticate, broker, name: 'shop' })).to.equal(undefined);
    expect(fault({ authenticate, broker: localBroker() })).to.equal(undefined);
  });

  it('origins that are none throw', () => {
    for (const origins of [
      'example.com',
      'https://example.com/path',
      'https://*.example.com',
      ['https://a.example', 'any'],
    ]) {
      expect(fault({ authenticate, origins })).to.have.property('code', 'ERR_REALTIME_OPTION');
    }
    for (const origins of [
      'same',
      'any',
      'https://a.example',
      ['same', 'https://a.example:8443', 'capacitor://localhost'],
    ]) {
      expect(fault({ authenticate, origins })).to.equal(undefined);
    }
  });
});
