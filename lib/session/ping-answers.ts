import type { SessionSocket } from './session';

/**
 * Answers the protocol's pings of one peer. One pong is on its way out at a time: of the pings that come meanwhile only
 * the newest needs an answer (RFC 6455 §5.5.3), so that pings of a peer which reads nothing do not pile up as pongs.
 */
export class PingAnswers {
  readonly #socket: SessionSocket;
  #isUnderWay = false;
  /** What the next pong carries. */
  #next: Buffer | undefined;

  constructor(socket: SessionSocket) {
    this.#socket = socket;
  }

  /** @param payload what the peer wants back. */
  answer(payload: Buffer): void {
    this.#next = payload;
    if (!this.#isUnderWay) this.#send();
  }

  readonly #send = (): void => {
    const payload = this.#next;
    this.#next = undefined;
    this.#isUnderWay = payload !== undefined && this.#socket.readyState === this.#socket.OPEN;
    if (this.#isUnderWay) this.#socket.pong(payload, false, this.#send);
  };
}
