import type { Frame } from './frame';
import type { Wire } from './wire';
import { textFrame } from './frame';

/**
 * One message on its way out: its frame is made when the first socket of a wire asks for it, once per wire,
 * and shared by all receivers.
 */
export class Outgoing {
  readonly type: string;
  /** The content as JSON text; never parsed again on its way. */
  readonly contentText: string;
  #plain: Frame | undefined;
  #v1: Frame | undefined;

  constructor(type: string, contentText: string) {
    this.type = type;
    this.contentText = contentText;
  }

  /** The whole WebSocket frame for a wire. */
  frame(wire: Wire): Frame {
    if (wire.name === 'plain') return (this.#plain ??= this.#encode(wire));
    return (this.#v1 ??= this.#encode(wire));
  }

  #encode(wire: Wire): Frame {
    return textFrame(wire.encode(this.type, this.contentText));
  }
}
