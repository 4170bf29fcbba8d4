import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OnError } from '../session/report';
import type { SenderScope } from './sender-scope';
import { ApiRefusal } from './api-refusal';
import { RealtimeError, describeValue } from '../model/errors';
import { answerJson } from './json-answer';
import { RelayError } from '../model/receipt';
import { checkScope, senderWithin } from './sender-scope';
import { createReport } from '../session/report';
import { getSender } from './app';
import { nearest } from '../model/nearest';
import { push } from './push-request';
import { readJson } from './read-json';

declare global {
  namespace Express {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merged with what the app's Express types say
    interface Request {}
  }
}

/** A request as `authorize` gets it: with what the application's own middleware and types put on it. */
export type SenderApiRequest = IncomingMessage & Express.Request & { readonly user?: unknown; readonly body?: unknown };

/** What `authorize` may answer: a scope; nothing when nobody is logged in (401); `false` when it may not (403). */
export type SenderApiAnswer = SenderScope | false | null | undefined;

/** Options of {@link senderApi}. */
export interface SenderApiOptions {
  /**
   * Decides what a caller may do; needed, since a push endpoint is never open. Called before the body is read. What
   * it throws is reported and answered with 500.
   */
  authorize(req: SenderApiRequest): SenderApiAnswer | Promise<SenderApiAnswer>;
  /** Under which name the sender stands on `app.locals`; default `sender`. */
  readonly localsKey?: string;
  /** The largest body that is read here; default 102,400 bytes. A body that the app parsed before had the app's limit. */
  readonly maxBodyBytes?: number;
  /** Gets what `authorize` threw and a scope that cannot be used; default: process warnings, rate-limited. */
  readonly onError?: OnError;
}

/** A Connect-style handler; `app.use('/realtime', handler)` in Express 4 and 5. */
export type SenderApiHandler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

const DEFAULT_MAX_BODY_BYTES = 100 * 1024;
const OPTION_KEYS: readonly string[] = ['authorize', 'localsKey', 'maxBodyBytes', 'onError'];

/**
 * The sender over HTTP, for other processes (seed: `WebSocketSenderApi`): `POST /send` with `{ target, type, content }`,
 * or with the seed's names `{ sessionId | userId, userType | userType, tenantId, messageType, messageContent }`, where
 * `messageContent` is JSON text that is forwarded verbatim. The body is read here, or taken as `express.json()` left it.
 *
 * Answers are JSON: the receipt (200), or `{ error: { code, message, field? } }`: 400, 401, 403 (outside the scope),
 * 405, 413, 415, 500; 503 while the attach is closing; 503 with the receipt when the broker did not take it: this
 * process was served, so a repeated request may be seen twice. Other paths go on to `next`.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION` without `authorize`, or for an option that cannot be used.
 */
export function senderApi(options: SenderApiOptions): SenderApiHandler {
  const { localsKey, maxBodyBytes } = checkOptions(options);
  const report = createReport(options.onError);

  const answer = async (req: IncomingMessage): Promise<unknown> => {
    if (req.method !== 'POST') throw new ApiRefusal('method_not_allowed', 'only POST is possible here');
    // What the application's types promise beyond Node's is there when its own middleware put it there.
    const scope = checkScope(await options.authorize(req as SenderApiRequest));
    const sender = senderWithin(scope, getSender(req, localsKey));
    return push(sender, scope, await readJson(req, maxBodyBytes));
  };

  return (req, res, next) => {
    if (!isSendPath(req.url ?? '')) {
      next();
      return;
    }
    answer(req)
      .then(
        (receipt) => answerJson(res, 200, receipt),
        (error: unknown) => {
          if (isFault(error)) report(error);
          refuse(res, error);
        },
      )
      .catch(report);
  };
}

function checkOptions(options: unknown): { readonly localsKey: string; readonly maxBodyBytes: number } {
  const given = (typeof options === 'object' && options !== null ? options : {}) as Readonly<Record<string, unknown>>;
  const unknownKey = Object.keys(given).find((key) => !OPTION_KEYS.includes(key));
  if (unknownKey !== undefined) {
    const near = nearest(unknownKey, OPTION_KEYS);
    fail(`unknown option ${JSON.stringify(unknownKey)}${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  const { authorize, localsKey = 'sender', maxBodyBytes = DEFAULT_MAX_BODY_BYTES, onError } = given;
  if (typeof authorize !== 'function') {
    fail(`option authorize must be a function that decides who may push, got ${describeValue(authorize)}`);
  }
  if (typeof localsKey !== 'string' || localsKey === '') {
    fail(`option localsKey must be a non-empty string, got ${describeValue(localsKey)}`);
  }
  if (typeof maxBodyBytes !== 'number' || !Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    fail(`option maxBodyBytes must be a whole number, 1 or more, got ${describeValue(maxBodyBytes)}`);
  }
  if (onError !== undefined && typeof onError !== 'function') {
    fail(`option onError must be a function, got ${describeValue(onError)}`);
  }
  return { localsKey, maxBodyBytes };
}

function fail(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', `senderApi: ${message}`);
}

/** Express takes the mount path off; a query may follow. */
function isSendPath(url: string): boolean {
  return /^\/send\/?(\?|$)/.test(url);
}

/** That the broker is away, or the attach closed, is known there already; a refusal is the caller's matter. */
function isFault(error: unknown): boolean {
  return !(error instanceof ApiRefusal) && !(error instanceof RelayError) && !isClosed(error);
}

function isClosed(error: unknown): boolean {
  return error instanceof RealtimeError && error.code === 'ERR_REALTIME_CLOSED';
}

function refuse(res: ServerResponse, error: unknown): void {
  if (error instanceof RelayError) {
    answerJson(res, 503, { error: { code: 'relay', message: error.message }, receipt: error.receipt });
    return;
  }
  const { status, code, message, field, headers } = refusalOf(error);
  answerJson(res, status, { error: { code, message, ...(field === undefined ? {} : { field }) } }, headers);
}

function refusalOf(error: unknown): ApiRefusal {
  if (error instanceof ApiRefusal) return error;
  return isClosed(error)
    ? new ApiRefusal('closing', 'this process is closing')
    : new ApiRefusal('internal', 'internal error');
}
