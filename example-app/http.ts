import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { z } from 'zod';

/** An answer that is not the wanted one; its message is shown to the user. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Gives back what the schema makes of a value that came from outside; what does not fit is a 400 that says why. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HttpError(400, `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`);
}

const HEADERS = {
  // Scripts and styles come from this server's files only, nothing inline; no page may frame this one.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Sets the headers that keep a browser careful. */
export const secureHeaders: RequestHandler = (_req, res, next) => {
  res.set(HEADERS);
  next();
};

/** Answers every API path that no router knew. */
export const notFound: RequestHandler = () => {
  throw new HttpError(404, 'There is nothing here.');
};

/** Turns whatever a handler threw into `{ error }`; what was not meant for the user is logged instead of told. */
export const answerErrors: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) return next(error);
  const status = statusOf(error);
  if (status === 500) console.error(error);
  res.status(status).json({ error: status === 500 || !(error instanceof Error) ? 'Something broke.' : error.message });
};

/** Body parsers and our own errors carry a 4xx status. */
function statusOf(error: unknown): number {
  const { status } = (error ?? {}) as { readonly status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}
