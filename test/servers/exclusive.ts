/** A server that a suite may stop and another may start again. */
interface Stoppable {
  stop(): Promise<void>;
}

let stopCurrent: (() => Promise<void>) | undefined;

/**
 * One JVM broker at a time, for the whole run: the first caller starts it, later ones share it, and it is stopped when
 * another one is asked for or after the last test of all files. Call it while a test file or its helper is loaded.
 */
export function exclusiveServer<T extends Stoppable>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  const stop = async (): Promise<void> => {
    const running = started;
    started = undefined;
    await (await running?.catch(() => undefined))?.stop();
  };
  if (typeof after === 'function') {
    after('stop the JVM broker', async function () {
      this.timeout(30_000);
      await stop();
    });
  }
  return async () => {
    if (stopCurrent !== stop) {
      const stopOther = stopCurrent;
      stopCurrent = stop;
      await stopOther?.();
    }
    return (started ??= start());
  };
}
