import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { RealtimeError } from '../model/errors';
import { answerAsPlainRequest, isWebSocketOffer, leaveOtherOffers } from './offer';
import { hasUnansweredRequest, ignoreError, refuse } from './refuse';

/** One path of a server, as its dispatcher sees it. */
export interface Door {
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** On the shared path `/`: whether the request can be meant for us, when others listen too. */
  isMeant(req: IncomingMessage): boolean;
  /** An upgrade request for no door was answered with 404. */
  handleNotFound(): void;
}

/** All doors of one server. */
export interface Dispatcher {
  /** @throws RealtimeError `ERR_REALTIME_ATTACH` when the path is taken. */
  add(path: string, door: Door): void;
  /** Takes a door off; with the last one the server is as it was before. */
  remove(path: string, door: Door): void;
}

// One dispatcher a server, whichever copy of this package (CommonJS or ESM) comes first.
const DISPATCHER = Symbol.for('express-realtime.dispatcher.1');

/** The path that is shared with others: the sockets of development servers live there. */
const SHARED_PATH = '/';

/** Finds the server's dispatcher, or puts a new one on it. */
export function dispatcherOf(server: Server): Dispatcher {
  // The slot is ours alone; its shape is fixed by the number in the symbol's name.
  const slots = server as unknown as Record<symbol, Dispatcher | undefined>;
  return (slots[DISPATCHER] ??= new ServerDispatcher(server));
}

/** Cuts the query off a request target, and one trailing slash. Never throws, unlike `new URL` on `//[::`. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  const path = end === -1 ? target : target.slice(0, end);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Marks the server as one that takes upgrades; the work is done in front of all listeners. */
function handleUpgradeMarker(): void {
  // Without any `upgrade` listener Node would not emit the event.
}

type Emit = Server['emit'];

class ServerDispatcher implements Dispatcher {
  readonly #server: Server;
  readonly #doors = new Map<string, Door>();
  #uninstall: (() => void) | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  add(path: string, door: Door): void {
    const key = pathOf(path);
    if (this.#doors.has(key)) {
      throw new RealtimeError(
        'ERR_REALTIME_ATTACH',
        `path ${key} is already attached to this server; set another path`,
      );
    }
    this.#doors.set(key, door);
    this.#uninstall ??= this.#install();
  }

  remove(path: string, door: Door): void {
    const key = pathOf(path);
    if (this.#doors.get(key) !== door) return;
    this.#doors.delete(key);
    if (this.#doors.size > 0) return;
    this.#uninstall?.();
    this.#uninstall = undefined;
  }

  #install(): () => void {
    const server = this.#server;
    const restoreOffers = leaveOtherOffers(server, { hasOthers: () => this.#hasOthers() });
    const restoreEmit = this.#wrapEmit();
    server.on('upgrade', handleUpgradeMarker);
    return () => {
      server.off('upgrade', handleUpgradeMarker);
      restoreEmit();
      restoreOffers();
    };
  }

  /** Others, such as proxies and development servers, grab or end every socket they see: ours must not reach them. */
  #wrapEmit(): () => void {
    const server = this.#server;
    const own = Object.getOwnPropertyDescriptor(server, 'emit');
    // Called with the server as `this`, below.
    const previous = Reflect.get(server, 'emit');
    const handle = (req: IncomingMessage, socket: Duplex, head: Buffer): boolean => this.#handle(req, socket, head);
    const emit = function (this: Server, event: string, ...args: unknown[]): boolean {
      if (event === 'upgrade' && handle(args[0] as IncomingMessage, args[1] as Duplex, args[2] as Buffer)) return true;
      return Reflect.apply(previous, this, [event, ...args]) as boolean;
    } as Emit;
    server.emit = emit;
    return () => {
      // Somebody wrapped it once more: ours stays beneath and, without doors, lets everything pass.
      if (server.emit !== emit) return;
      if (own === undefined) Reflect.deleteProperty(server, 'emit');
      else Object.defineProperty(server, 'emit', own);
    };
  }

  /** @returns false when the upgrade is for the other listeners. */
  #handle(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (this.#doors.size === 0) return false;
    const hasOthers = this.#hasOthers();
    const door = isWebSocketOffer(req) ? this.#doorFor(req, hasOthers) : undefined;
    if (door !== undefined) {
      door.handleUpgrade(req, socket, head);
      return true;
    }
    if (hasOthers) return false;
    this.#answerUnknown(req, socket, head);
    return true;
  }

  #doorFor(req: IncomingMessage, hasOthers: boolean): Door | undefined {
    const path = pathOf(req.url ?? '');
    const door = this.#doors.get(path);
    return path === SHARED_PATH && hasOthers && door?.isMeant(req) === false ? undefined : door;
  }

  #answerUnknown(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const isOther = req.headers.upgrade !== undefined && !isWebSocketOffer(req);
    if (isOther && answerAsPlainRequest(this.#server, req, socket, head)) return;
    socket.on('error', ignoreError);
    if (hasUnansweredRequest(socket)) socket.destroy();
    else refuse(socket, 404);
    for (const door of this.#doors.values()) {
      door.handleNotFound();
      return;
    }
  }

  #hasOthers(): boolean {
    return this.#server.listeners('upgrade').some((listener) => listener !== handleUpgradeMarker);
  }
}
