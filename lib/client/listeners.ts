import { ClientError } from './errors';

type Listener = (content: unknown) => unknown;

/** Who listens to which type of message. */
export class Listeners {
  readonly #onError: (error: unknown) => void;
  readonly #byType = new Map<string, Set<Listener>>();

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @returns the way to stop listening. */
  add(type: string, listener: (content: never) => unknown): () => void {
    const listeners = this.#byType.get(type) ?? new Set();
    this.#byType.set(type, listeners);
    // A wrapper of its own for each call: the same function may listen twice.
    const entry: Listener = (content) => listener(content as never);
    listeners.add(entry);
    return () => listeners.delete(entry);
  }

  /** Tells all of them, in their order. */
  tell(type: string, content: unknown): void {
    for (const listener of [...(this.#byType.get(type) ?? [])]) this.#call(listener, content);
  }

  /**
   * Asks the first one.
   *
   * @returns the frame that answers the server: what it returned, or what it threw.
   */
  async ask(type: string, content: unknown, id: unknown): Promise<string> {
    try {
      const [listener] = this.#byType.get(type) ?? [];
      if (listener === undefined) throw new ClientError('unknown_type', 'no listener for this type');
      return JSON.stringify({ type: '$reply', id, content: (await listener(content)) ?? null });
    } catch (error) {
      if (!(error instanceof ClientError)) this.#onError(error);
      const { code, message, retryable } =
        error instanceof ClientError ? error : new ClientError('internal', 'internal error', true);
      return JSON.stringify({ type: '$error', id, content: { code, message, retryable } });
    }
  }

  #call(listener: Listener, content: unknown): void {
    try {
      const result = listener(content);
      if (result instanceof Promise) result.catch((error: unknown) => this.#onError(error));
    } catch (error) {
      this.#onError(error);
    }
  }
}
