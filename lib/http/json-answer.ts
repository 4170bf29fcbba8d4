import type { ServerResponse } from 'node:http';

/** Ends a response with a JSON body that no cache keeps. */
export function answerJson(res: ServerResponse, status: number, body: unknown): void {
  // First, so that a body which cannot be written leaves the response to the error handler.
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Cache-Control', 'no-store');
  res.end(text);
}
