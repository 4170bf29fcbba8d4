import type { IncomingMessage } from 'node:http';
import type { LoginUserInput, RealtimeOptions } from '../../lib/index';
import type { ConnectOptions } from '../../lib/testing/index';
import { memoryBus } from '../../lib/testing/index';
import type { AppServer, AppServerOptions } from '../support/app-server';
import { startApp, tokenOf } from '../support/app-server';

export const V1: ConnectOptions = { protocols: ['express-realtime.v1'] };
export const HOUR_MS = 60 * 60 * 1000;

/** A token that nobody takes. */
export const BAD = 'bad';
/** A token that cannot be judged: the service that knows is away. */
export const AWAY = 'away';

/** Believes a token that is the user itself, see `tokenOf`. */
export function userOf(req: IncomingMessage): LoginUserInput | null {
  const token = req.headers.authorization?.slice('Bearer '.length) ?? '';
  if (token === '' || token === BAD) return null;
  if (token === AWAY) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  return JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as LoginUserInput;
}

/** An app whose logins go by {@link userOf}. */
export function start(options: AppServerOptions = {}): Promise<AppServer> {
  return startApp({ authenticate: userOf, ...options });
}

/** A login that takes as long as the test wants. */
export class SlowLogin {
  readonly #waiting: (() => void)[] = [];
  #began: () => void = () => undefined;

  readonly authenticate: NonNullable<RealtimeOptions['authenticate']> = async (req) => {
    const user = userOf(req);
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#began();
    });
    return user;
  };

  /** Resolves when one more login is under way. */
  async begun(): Promise<void> {
    if (this.#waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#began = resolve;
    });
  }

  /** Lets the oldest one go on. */
  release(): void {
    this.#waiting.shift()?.();
  }
}

/** Nodes of one application, ready, with their bus. */
export async function startNodes(
  count: number,
  options: AppServerOptions = {},
): Promise<{ bus: ReturnType<typeof memoryBus>; nodes: readonly AppServer[]; startOne: () => Promise<AppServer> }> {
  const bus = memoryBus();
  const startOne = (): Promise<AppServer> => start({ name: 'shop', broker: bus.broker(), ...options });
  const nodes = await Promise.all(Array.from({ length: count }, startOne));
  await Promise.all(nodes.map(({ realtime }) => realtime.ready));
  return { bus, nodes, startOne };
}

/** A login that was issued at a moment. */
export function issued(id: number, issuedAtMs: number, more: Partial<LoginUserInput> = {}): LoginUserInput {
  return { id, issuedAtMs, ...more };
}

export { tokenOf };
