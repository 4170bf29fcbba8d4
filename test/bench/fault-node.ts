import type { AddressInfo } from 'node:net';
import type { Realtime } from 'express-realtime';
import { createServer } from 'node:http';
import { once } from 'node:events';
import express from 'express';
import { attachRealtime, brokerFromUrl } from 'express-realtime';
import { nowUs } from './clock';
import { serve } from './worker';

/** One node for the fault table: told what the broker is, and, where it pushes, what became of every push. */
let realtime: Realtime | undefined;
let timer: NodeJS.Timeout | undefined;
let sent = 0;
const changes: StateChange[] = [];
let accepted: Accepted[] = [];
let last: Promise<void> | undefined;

/** The broker went up or down, as this node sees it. */
export interface StateChange {
  readonly isUp: boolean;
  readonly atUs: number;
}

/** A push that the broker took. */
export interface Accepted {
  readonly number: number;
  readonly sentUs: number;
  readonly acceptedUs: number;
}

function push(): void {
  sent += 1;
  const number = sent;
  const sentUs = nowUs();
  last = realtime?.send({ everyone: true }, 'number', number).then(
    () => void accepted.push({ number, sentUs, acceptedUs: nowUs() }),
    () => undefined,
  );
}

serve({
  start: async ({ url, name }: { url: string; name: string }) => {
    const server = createServer(express()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    realtime = attachRealtime(server, {
      name,
      broker: brokerFromUrl(url),
      authenticate: () => ({ id: 1 }),
      onError: () => undefined,
      onEvent: (event) => {
        if (event.name !== 'broker.up' && event.name !== 'broker.down') return;
        changes.push({ isUp: event.name === 'broker.up', atUs: nowUs() });
      },
    });
    await realtime.ready;
    return (server.address() as AddressInfo).port;
  },
  changes: () => changes,
  /** One push every so often, whatever becomes of it. */
  stream: (everyMs: number) => {
    timer = setInterval(push, everyMs);
  },
  /** Stops pushing. @returns what was accepted, and forgets it. */
  stopStream: async () => {
    clearInterval(timer);
    // They settle in their order; one that was counted in the next round would be missed there.
    await last;
    const result = accepted;
    accepted = [];
    return result;
  },
  close: () => realtime?.close(),
});
