import type { DecodeFault, Incoming, Wire } from './wire';
import { isMessageType } from './wire';

/**
 * The wire of the seed's pages: text frames `{"type":"…","content":"<JSON text>"}` both ways, where `content` is a
 * string that holds JSON (seed §1.3). Inbound, content that is not a string is taken as it is.
 */
export const plainWire: Wire = {
  name: 'plain',

  encode(type: string, contentText: string): string {
    return `{"type":${JSON.stringify(type)},"content":${JSON.stringify(contentText)}}`;
  },

  decode(text: string): Incoming | DecodeFault {
    const message = parse(text);
    if (message === undefined) return 'bad-json';
    if (typeof message !== 'object' || message === null) return 'bad-message';
    const { type, content } = message as { readonly type?: unknown; readonly content?: unknown };
    if (!isMessageType(type)) return 'bad-message';
    if (typeof content !== 'string') return { type, content: content ?? null };
    if (content === '') return { type, content: null };
    const parsed = parse(content);
    return parsed === undefined ? 'bad-json' : { type, content: parsed };
  },
};

/** JSON has no `undefined`, so that value is free to mean "not JSON". */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
