interface RefusalRow {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why the sender API refuses a request, one row a code. */
const REFUSALS = {
  bad_request: { status: 400 },
  unauthenticated: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } },
  forbidden: { status: 403 },
  method_not_allowed: { status: 405, headers: { Allow: 'POST' } },
  // What is left of the body is not read: the connection cannot serve another request.
  too_large: { status: 413, headers: { Connection: 'close' } },
  unsupported_media_type: { status: 415 },
  internal: { status: 500 },
  closing: { status: 503, headers: { 'Retry-After': '5' } },
} as const satisfies Readonly<Record<string, RefusalRow>>;

/** A refusal on its way to the answer; `message` is told to the caller, `field` names what is wrong. */
export class ApiRefusal extends Error {
  readonly code: keyof typeof REFUSALS;
  readonly field: string | undefined;

  constructor(code: keyof typeof REFUSALS, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }

  get status(): number {
    return REFUSALS[this.code].status;
  }

  get headers(): Readonly<Record<string, string>> {
    const row: RefusalRow = REFUSALS[this.code];
    return row.headers ?? {};
  }
}
