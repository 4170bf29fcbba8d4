/** What the page tells: `wake` when it is worth a try now, `sleep` when it goes, maybe into the back/forward cache. */
export interface WakeListener {
  wake(): void;
  sleep(): void;
}

interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Listens to the page, where there is one; nothing happens on a server. @returns the way to stop. */
export function listenToPage({ wake, sleep }: WakeListener): () => void {
  const page = globalThis as EventSource & { document?: EventSource & { visibilityState?: string } };
  const { document } = page;
  const handleVisible = (): void => {
    if (document?.visibilityState === 'visible') wake();
  };
  const pairs = [
    [page, 'online', wake],
    // Whether the page is kept is only known later, and an open socket may be what prevents it.
    [page, 'pagehide', sleep],
    [page, 'pageshow', wake],
    [document, 'visibilitychange', handleVisible],
  ] as const;
  for (const [source, type, listener] of pairs) source?.addEventListener?.(type, listener);
  return () => {
    for (const [source, type, listener] of pairs) source?.removeEventListener?.(type, listener);
  };
}
