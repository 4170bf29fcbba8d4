import type { DecodeFault, Incoming, Wire } from './wire';
import { isMessageType } from '../model/message-type';
import { parseJson } from './wire';
import { quote } from '../model/json';

/**
 * The wire of the seed's pages: text frames `{"type":"…","content":"<JSON text>"}` both ways, where `content` is a
 * string that holds JSON (seed §1.3). Inbound, content that is not a string is taken as it is.
 */
export const plainWire: Wire = {
  name: 'plain',

  encode(type: string, contentText: string): string {
    return `{"type":${quote(type)},"content":${JSON.stringify(contentText)}}`;
  },

  encodeRequest: () => undefined,
  encodeReply: () => undefined,
  encodeError: () => undefined,
  encodeControl: () => undefined,

  decode(text: string): Incoming | DecodeFault {
    const message = parseJson(text);
    if (message === undefined) return 'bad_json';
    if (typeof message !== 'object' || message === null) return 'bad_message';
    const { type, content } = message as { readonly type?: unknown; readonly content?: unknown };
    if (!isMessageType(type)) return 'bad_message';
    if (typeof content !== 'string') return { type, content: content ?? null };
    if (content === '') return { type, content: null };
    const parsed = parseJson(content);
    return parsed === undefined ? 'bad_json' : { type, content: parsed };
  },
};
