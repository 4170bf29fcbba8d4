import type { IncomingMessage } from 'node:http';
import { ApiRefusal } from './api-refusal';

/**
 * The JSON body of a request: as a parser of the application left it on `req.body`, else read from the stream.
 * Wants `application/json`: a page of another origin cannot send that without being asked (CORS).
 *
 * @throws ApiRefusal `unsupported_media_type`, `too_large`, `bad_request`.
 */
export async function readJson(req: IncomingMessage, maxBytes: number): Promise<unknown> {
  checkMediaType(req.headers['content-type']);
  // Express 4's parsers put `{}` on a request that they did not read: only the stream tells who read it.
  if (req.readableDidRead || req.readableEnded) return parsedBody((req as { readonly body?: unknown }).body);
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new ApiRefusal('unsupported_media_type', 'a compressed body is not read here', 'content-encoding');
  }
  return parse(await readText(req, maxBytes));
}

function checkMediaType(header: string | undefined): void {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  if (!/^application\/([\w.!#$&^-]+\+)?json$/.test(type.trim())) {
    throw new ApiRefusal('unsupported_media_type', 'the body must be application/json', 'content-type');
  }
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  if (charset === undefined || /^charset="?utf-?8"?$/.test(charset)) return;
  throw new ApiRefusal('unsupported_media_type', 'the charset must be utf-8', 'content-type');
}

/** `express.text()` and `express.raw()` leave the JSON unparsed. */
function parsedBody(body: unknown): unknown {
  if (typeof body === 'string') return parse(body);
  return Buffer.isBuffer(body) ? parse(body.toString('utf8')) : body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiRefusal('bad_request', 'the body is not valid JSON', 'body');
  }
}

function readText(req: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(req.headers['content-length']) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const handleGone = (): void => reject(new ApiRefusal('bad_request', 'the body ended early', 'body'));
    // The caller left while it was authorized: no event would come any more.
    if (req.destroyed) return handleGone();
    const chunks: Buffer[] = [];
    let bytes = 0;
    const handleData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      req.off('data', handleData).pause();
      reject(tooLarge(maxBytes));
    };
    req.on('data', handleData);
    req.on('end', () => resolve(Buffer.concat(chunks, bytes).toString('utf8')));
    req.on('error', handleGone);
    req.on('close', handleGone);
  });
}

function tooLarge(maxBytes: number): ApiRefusal {
  return new ApiRefusal('too_large', `the body is larger than ${maxBytes} bytes`, 'body');
}
