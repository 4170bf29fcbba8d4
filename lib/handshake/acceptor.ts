import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server } from 'ws';
import { WebSocketServer } from 'ws';
import { SessionWebSocket } from '../session/session-socket';

const NO_LINES: readonly string[] = [];

/** Makes WebSockets of upgrade requests that were let in. */
export class Acceptor {
  readonly #wss: Server<typeof SessionWebSocket>;
  /** Header lines for the 101 that is being written; ws writes it before `accept` returns. */
  #lines: readonly string[] = NO_LINES;

  /** @param protocols the subprotocols spoken, best first. */
  constructor(maxPayloadBytes: number, protocols: readonly string[]) {
    this.#wss = new WebSocketServer({
      WebSocket: SessionWebSocket,
      // The session answers pings, within its limits.
      autoPong: false,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxPayloadBytes,
      // Without it ws answers with the first one offered, which may carry the token.
      handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    this.#wss.on('headers', (headers: string[]) => {
      if (this.#lines.length > 0) headers.push(...this.#lines);
    });
  }

  /**
   * Writes the 101. The socket's owner is ws from then on.
   *
   * @param lines header lines beside ws's own.
   * @param onMade called before this returns, or never: the peer has gone (the socket is destroyed then).
   */
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    lines: readonly string[],
    onMade: (ws: SessionWebSocket) => void,
  ): void {
    this.#lines = lines;
    try {
      this.#wss.handleUpgrade(req, socket, head, onMade);
    } finally {
      this.#lines = NO_LINES;
    }
  }
}
