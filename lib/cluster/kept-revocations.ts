import type { Report } from '../session/report';
import type { Revocation, RevocationStore } from '../model/revocation';
import type { Revocations } from '../session/revocations';
import { readKeptRevocation } from './login-frames';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/** The list that outlives this process. */
export interface KeptRevocations {
  /** Keeps one more; rejects when the store does not take it. */
  readonly keep: (revocation: Revocation) => Promise<void>;
  /** Resolves when the list was read and applied; tried again until then, or until `close`. Never rejects. */
  readonly loaded: Promise<void>;
  close(): void;
}

/** What decides whether there is a list, and whose entries it may hold. */
export interface KeptOptions {
  readonly revocations?: RevocationStore;
  readonly multiTenant: boolean;
  readonly enabled: boolean;
}

/** Reads the kept list into this process's own; `undefined` without a store. */
export function keptRevocations(
  { revocations: store, multiTenant, enabled }: KeptOptions,
  revocations: Revocations,
  report: Report,
): KeptRevocations | undefined {
  const keep = keeperOf(store);
  if (store === undefined || keep === undefined) return undefined;
  let isClosed = !enabled;
  const isOver = (): boolean => isClosed;
  let timer: NodeJS.Timeout | undefined;
  const load = async (): Promise<void> => {
    for (let retryMs = FIRST_RETRY_MS; !isOver(); retryMs = Math.min(MAX_RETRY_MS, retryMs * 2)) {
      try {
        revocations.apply(readAll(await store.load(), multiTenant));
        return;
      } catch (error) {
        if (!isOver()) report(error);
      }
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, retryMs).unref();
      });
    }
  };
  return {
    keep,
    loaded: load(),
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** Writes revocations to a store. */
export function keeperOf(store: RevocationStore | undefined): KeptRevocations['keep'] | undefined {
  return store === undefined
    ? undefined
    : async (revocation) => store.keep(JSON.stringify(revocation), revocation.untilMs);
}

/** Ready is who hears the others and knows the list. Like each of the two, never an unhandled rejection. */
export function bothReady(cluster: Promise<void>, loaded: Promise<void>): Promise<void> {
  const ready = Promise.all([cluster, loaded]).then(() => undefined);
  ready.catch(() => undefined);
  return ready;
}

/** A store is half trusted, as a broker is: what does not fit is passed over. */
function readAll(texts: readonly string[], multiTenant: boolean): Revocation[] {
  return texts.map((text) => readKeptRevocation(text, multiTenant)).filter((each) => each !== undefined);
}
