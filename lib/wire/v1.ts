import type { ControlType, DecodeFault, Incoming, RequestId, Wire } from './wire';
import type { MessageErrorBody } from '../model/message-errors';
import { isMessageType } from '../model/message-type';
import { parseJson } from './wire';
import { quote } from '../model/json';

/** The subprotocol that a client offers to speak v1. */
export const V1_PROTOCOL = 'express-realtime.v1';

/** The longest request id that is a string, in UTF-16 units: the server keeps and echoes it. */
const MAX_ID_LENGTH = 64;

/** Protocol v1: `{ type, content, id? }` with content as plain JSON. PROTOCOL.md beside this file states each frame. */
export const v1Wire: Wire = {
  name: 'v1',

  encode(type: string, contentText: string): string {
    return `{"type":${quote(type)},"content":${contentText}}`;
  },

  encodeRequest(type: string, contentText: string, id: RequestId): string {
    return `{"type":${quote(type)},"id":${JSON.stringify(id)},"content":${contentText}}`;
  },

  encodeReply(id: RequestId, contentText: string): string {
    return `{"type":"$reply","id":${JSON.stringify(id)},"content":${contentText}}`;
  },

  encodeError(id: RequestId | undefined, error: MessageErrorBody): string {
    return JSON.stringify({ type: '$error', id, content: error });
  },

  encodeControl(type: ControlType, content: object): string {
    return JSON.stringify({ type, content });
  },

  decode(text: string): Incoming | DecodeFault {
    const message = parseJson(text);
    if (message === undefined) return 'bad_json';
    if (typeof message !== 'object' || message === null) return 'bad_message';
    const { type, content, id } = message as Readonly<Record<'type' | 'content' | 'id', unknown>>;
    if (!isMessageType(type)) return 'bad_message';
    if (id === undefined || id === null) return { type, content: content ?? null };
    return isRequestId(id) ? { type, content: content ?? null, id } : 'bad_message';
  },
};

function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id !== '' && id.length <= MAX_ID_LENGTH;
  return Number.isSafeInteger(id);
}
