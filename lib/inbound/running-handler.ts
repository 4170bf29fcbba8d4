import type { Incoming } from '../wire/wire';
import type { MessageContext } from './registry';
import type { Timed } from './handler-clock';

/** The context of one message; the abort controller is made only for a handler that asks for the signal. */
export class HandlerContext implements MessageContext {
  readonly type: string;
  readonly id?: string | number;
  #controller: AbortController | undefined;
  #isAborted = false;

  constructor(message: Incoming) {
    this.type = message.type;
    if (message.id !== undefined) this.id = message.id;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** What `signal.aborted` says, without a signal. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  abort(): void {
    this.#isAborted = true;
    this.#controller?.abort();
  }
}

/** An asynchronous handler that has not settled. */
export class RunningHandler implements Timed {
  readonly #context: HandlerContext;
  readonly #onExpired: () => void;

  constructor(context: HandlerContext, onExpired: () => void) {
    this.#context = context;
    this.#onExpired = onExpired;
  }

  abort(): void {
    this.#context.abort();
  }

  expire(): void {
    this.abort();
    this.#onExpired();
  }
}
