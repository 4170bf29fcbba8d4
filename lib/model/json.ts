import { RealtimeError, describeValue } from './errors';

/**
 * Writes content as JSON text.
 *
 * @throws RealtimeError `ERR_REALTIME_CONTENT` for what JSON cannot say: undefined, a function, a symbol, a bigint,
 *   a circular object, one nested too deep, or one whose `toJSON` throws.
 */
export function toJsonText(content: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(content);
  } catch (cause) {
    throw new RealtimeError('ERR_REALTIME_CONTENT', `content cannot be written as JSON: ${whyNotJson(cause)}`, {
      cause,
    });
  }
  if (text === undefined) {
    throw new RealtimeError('ERR_REALTIME_CONTENT', `content must be a JSON value, got ${describeValue(content)}`);
  }
  return text;
}

const NEEDS_NO_ESCAPE = /^[\w .:/@+-]*$/;

/** Writes a short text, such as a message's type, as a JSON string: mostly it needs no escape, which is cheaper to see. */
export function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * Checks that a text is JSON, for content that is forwarded verbatim.
 *
 * @throws RealtimeError `ERR_REALTIME_CONTENT`.
 */
export function checkJsonText(text: unknown): string {
  if (typeof text !== 'string') {
    throw new RealtimeError('ERR_REALTIME_CONTENT', `JSON text must be a string, got ${describeValue(text)}`);
  }
  try {
    JSON.parse(text);
  } catch {
    // The parser's message quotes the text: not repeated, since content never stands in an error.
    throw new RealtimeError('ERR_REALTIME_CONTENT', 'JSON text is not valid JSON');
  }
  return text;
}

function whyNotJson(cause: unknown): string {
  if (cause instanceof RangeError) return 'it is nested too deep';
  if (!(cause instanceof TypeError)) return 'its toJSON or a getter threw';
  if (cause.message.includes('BigInt')) return 'it holds a bigint';
  return cause.message.includes('circular') ? 'it is circular' : 'its toJSON or a getter threw';
}
