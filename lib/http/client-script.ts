import type { IncomingMessage, ServerResponse } from 'node:http';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A Connect-style handler. */
export type ClientScriptHandler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * Serves the browser client to pages without a bundler: `app.use('/realtime', clientScript())`, then
 * `import { connect } from '/realtime/client.js'` in a module script. Other paths go on to `next`.
 */
export function clientScript(): ClientScriptHandler {
  const script = readFileSync(join(__dirname, '../client/index.mjs'));
  const etag = `"${createHash('sha256').update(script).digest('base64url').slice(0, 22)}"`;
  return (req, res, next) => {
    if (pathOf(req) !== '/client.js' || (req.method !== 'GET' && req.method !== 'HEAD')) {
      next();
      return;
    }
    // Revalidated each time, answered with 304: an upgraded package is seen at once.
    res.setHeader('Cache-Control', 'no-cache');
    res.setHeader('ETag', etag);
    if (req.headers['if-none-match'] === etag) {
      res.statusCode = 304;
      res.end();
      return;
    }
    res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    res.setHeader('Content-Length', script.length);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.end(req.method === 'HEAD' ? undefined : script);
  };
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '').split('?', 1)[0] ?? '';
}
