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
  #plain: Buffer | undefined;
  #v1: Buffer | undefined;

  constructor(type: string, contentText: string) {
    this.type = type;
    this.contentText = contentText;
  }

  /** The whole WebSocket frame for a wire; never written to, since receivers share it. */
  frame(wire: Wire): Buffer {
    if (wire.name === 'plain') return (this.#plain ??= this.#encode(wire));
    return (this.#v1 ??= this.#encode(wire));
  }

  #encode(wire: Wire): Buffer {
    return textFrame(wire.encode(this.type, this.contentText));
  }
}
