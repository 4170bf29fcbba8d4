/**
 * What a request rejects with: the server's code (see the error table of PROTOCOL.md), or one of the client's own:
 * `disconnected`, `timeout`, `aborted`, `offline`, `queue_full`, `closed`.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  /** Whether the same message may succeed later. */
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable = false) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** Reads the content of an `$error` frame. */
export function errorOf(content: unknown): ClientError {
  const { code, message, retryable } = (content ?? {}) as { code?: unknown; message?: unknown; retryable?: unknown };
  return new ClientError(textOr(code, 'internal'), textOr(message, 'refused'), retryable === true);
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}
