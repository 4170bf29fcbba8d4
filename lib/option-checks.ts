import type { RevocationStore } from './model/revocation';
import type { TicketStore } from './model/tickets';
import type { MessageContract } from './model/messages';
import type { Broker } from './cluster/brokers/broker';

/** What an option may be, and the words for it in an error. */
export interface Check {
  readonly wanted: string;
  accepts(value: unknown): boolean;
}

/** Node fires a timer above this after one millisecond. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const MAX_SIZE = 2 ** 31;
const CARRIERS: readonly unknown[] = ['header', 'protocol', 'query'];

export const aBoolean: Check = { wanted: 'true or false', accepts: (value) => typeof value === 'boolean' };

export const aFunction: Check = { wanted: 'a function', accepts: isFunction };

export const anObject: Check = { wanted: 'an object', accepts: isObject };

export const aText: Check = { wanted: 'a non-empty string', accepts: isText };

export const aCount: Check = { wanted: 'a whole number, 0 or more', accepts: isCount };

export const aSize: Check = {
  wanted: 'a whole number from 1 to 2^31',
  accepts: (value) => isWhole(value, 1, MAX_SIZE),
};

export const aSpan: Check = {
  wanted: 'milliseconds from 1 to 2^31 - 1',
  accepts: (value) => isWhole(value, 1, MAX_TIMER_MS),
};

/** For what is no timer. */
export const aLongSpan: Check = {
  wanted: 'whole milliseconds, 1 or more',
  accepts: (value) => isWhole(value, 1, Number.MAX_SAFE_INTEGER),
};

export const aSpanOrZero: Check = {
  wanted: 'milliseconds, 0 to 2^31 - 1',
  accepts: (value) => isWhole(value, 0, MAX_TIMER_MS),
};

export const aPath: Check = {
  wanted: 'a path that begins with / and has no ?, # or space',
  accepts: (value) => typeof value === 'string' && value.startsWith('/') && !/[?#\s]/.test(value),
};

export const aPassport: Check = {
  wanted: 'a Passport instance (it has authenticate())',
  accepts: (value) => hasMethods(value, ['authenticate']),
};

export const aStrategy: Check = {
  wanted: 'a strategy name, an array of names, or a Strategy',
  accepts: (value) =>
    Array.isArray(value) ? value.length > 0 && value.every(isText) : isText(value) || isObject(value),
};

export const middlewares: Check = {
  wanted: 'a middleware function or an array of them',
  accepts: (value) => listed(value).every(isFunction),
};

/** Which texts are origins is for the handshake to say. */
export const origins: Check = {
  wanted: `'same', 'any', or origins such as 'https://app.example.com'`,
  accepts: (value) => listed(value).length > 0 && listed(value).every(isText),
};

export const tokenCarriers: Check = {
  wanted: `an array of 'header', 'protocol', 'query'`,
  accepts: (value) => Array.isArray(value) && value.every((carrier) => CARRIERS.includes(carrier)),
};

export const aUserLimit: Check = {
  wanted: `a whole number, or { max, policy: 'refuse' | 'replace' }`,
  accepts: (value) => isCount(value) || isUserLimit(value),
};

export const aBroker: Check = {
  wanted: 'a broker such as redisBroker({ url })',
  accepts: (value) => hasMethods(value, ['start', 'publish', 'close'] satisfies (keyof Broker)[]),
};

export const aRevocationStore: Check = {
  wanted: 'a revocation store such as redisRevocations(redis)',
  accepts: (value) => hasMethods(value, ['keep', 'load'] satisfies (keyof RevocationStore)[]),
};

export const aTicketStore: Check = {
  wanted: 'a ticket store such as memoryTickets()',
  accepts: (value) => hasMethods(value, ['keep', 'read', 'spend'] satisfies (keyof TicketStore)[]),
};

export const aContract: Check = {
  wanted: 'what defineMessages() returned: { clientToServer, serverToClient }',
  accepts: (value) => {
    const { clientToServer, serverToClient } = (value ?? {}) as Partial<MessageContract>;
    return isObject(clientToServer) && isObject(serverToClient);
  },
};

/** One of a few words. */
export function oneOf(...words: readonly string[]): Check {
  return {
    wanted: words.map((word) => `'${word}'`).join(' or '),
    accepts: (value) => words.some((word) => word === value),
  };
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function isCount(value: unknown): boolean {
  return isWhole(value, 0, Number.MAX_SAFE_INTEGER);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => isFunction((value as Readonly<Record<string, unknown>>)[name]));
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isUserLimit(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { max, policy } = value as { readonly max?: unknown; readonly policy?: unknown };
  return isCount(max) && (policy === 'refuse' || policy === 'replace');
}
