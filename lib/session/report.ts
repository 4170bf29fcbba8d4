import type { LoginUser } from '../model/login-user';
import type { OnEvent } from '../model/events';
import type { Session } from './session';
import { describeValue } from '../model/errors';
import { isThenable } from '../model/thenable';

/** Where an error came from. */
export interface ErrorOrigin {
  readonly session?: Session<LoginUser | null>;
  /** The type of the message that was handled. */
  readonly type?: string;
  /** The id of the node, for faults of the cluster. */
  readonly node?: string;
}

/** The hook that gets every fault that no caller can catch. */
export type OnError = (error: Error, origin: ErrorOrigin) => void;

/** A guarded {@link OnError}: takes whatever was thrown, never throws. */
export type Report = (error: unknown, origin?: ErrorOrigin) => void;

const WARNING_WINDOW_MS = 10_000;
const MAX_WARNINGS = 10;

/** Guards the application's hook; without one, faults become process warnings, at most 10 in 10 s. */
export function createReport(onError: OnError | undefined): Report {
  const fallback = createWarner();
  return (thrown, origin = {}) => {
    const error = thrown instanceof Error ? thrown : new Error(`${describeValue(thrown)} was thrown`);
    if (onError === undefined) return fallback(error);
    callHook(
      () => onError(error, origin),
      (fault) => fallback(fault instanceof Error ? fault : new Error('onError threw')),
    );
  };
}

/** Guards the application's event hook: what it throws is reported and changes nothing. */
export function guardEvents(onEvent: OnEvent | undefined, report: Report): OnEvent {
  if (onEvent === undefined) return () => undefined;
  return (event) => callHook(() => onEvent(event), report);
}

/** Calls a hook of the application: what it throws is reported, and so is what its promise, if any, rejects with. */
export function callHook(hook: () => unknown, report: (error: unknown) => void): void {
  try {
    const result = hook();
    if (isThenable(result)) Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}

function createWarner(): (error: Error) => void {
  let windowEndsAt = 0;
  let count = 0;
  return (error) => {
    const now = performance.now();
    if (now > windowEndsAt) {
      windowEndsAt = now + WARNING_WINDOW_MS;
      count = 0;
    }
    count += 1;
    if (count > MAX_WARNINGS) return;
    process.emitWarning(`express-realtime: ${error.message} (give onError to handle this)`, { code: codeOf(error) });
  };
}

function codeOf(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'ERR_REALTIME_HANDLER';
}
