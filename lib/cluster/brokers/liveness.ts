import type { LinkScope } from './link-scope';

/** A sign of life that is asked for again and again. */
export interface LivenessPlan {
  readonly intervalMs: number;
  /** A check that is not answered by then, while nothing else is heard either, loses the link. */
  readonly deadlineMs: number;
  /** Rejects when the link is bad, stays pending while there is no answer. */
  check(): Promise<void>;
}

/**
 * Checks the link until it ends: the drivers notice a hung server late or never.
 * Anything heard meanwhile counts as life, and a deadline that fires after this process itself was blocked
 * first reads what waits in the socket.
 */
export function keepChecking(scope: LinkScope, plan: LivenessPlan): void {
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    if (!scope.signal.aborted) timer = setTimeout(runCheck, plan.intervalMs);
  };
  const runCheck = (): void => {
    const startedAt = performance.now();
    const judge = (): void => {
      if (scope.signal.aborted) return;
      if (scope.heardAt > startedAt || scope.whyHeld !== undefined) schedule();
      else scope.lose(new Error(`no sign of life for ${plan.deadlineMs} ms`));
    };
    timer = setTimeout(() => setImmediate(() => setImmediate(judge)), plan.deadlineMs);
    plan.check().then(
      () => {
        clearTimeout(timer);
        schedule();
      },
      (fault: unknown) => scope.lose(fault instanceof Error ? fault : new Error(String(fault))),
    );
  };
  scope.onEnd(() => clearTimeout(timer));
  schedule();
}
