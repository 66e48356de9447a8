import type { Result } from "./types.js";

/** Whatever goes wrong in this package, but for an `AbortSignal`'s own reason. */
export class BrigError extends Error {
  /** The HTTP status; `undefined` if there was no answer. */
  readonly status: number | undefined;
  /** A stable word for programs: `"not_found"`, `"exhausted"`, … */
  readonly code: string;
  /** What to quote to whoever runs the daemon: it is in its log. */
  readonly requestId: string | undefined;

  constructor(message: string, details: { status?: number; code?: string; requestId?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.status = details.status;
    this.code = details.code ?? "";
    this.requestId = details.requestId;
  }
}

/** No answer: nobody listens there, or the connection broke. What was asked for may have happened. */
export class NetworkError extends BrigError {}
/** 400: the request is wrong; the message says where. */
export class BadRequestError extends BrigError {}
/** 401: no key, an unknown, a revoked or an expired one. */
export class AuthenticationError extends BrigError {}
/** 403: the key, or the system inside the sandbox, does not permit it. */
export class PermissionError extends BrigError {}
/** 404: no such sandbox (any more), process or file. Another key's sandbox is not found either. */
export class NotFoundError extends BrigError {}
/** 409: not in this state: the sandbox is paused, the program has ended, the file exists. */
export class ConflictError extends BrigError {}
/** 413: the request is longer than the daemon takes. */
export class PayloadTooLargeError extends BrigError {}
/** 429: the key's quota, or a limit inside the sandbox, is used up. */
export class RateLimitError extends BrigError {}
/** 501: this daemon, or the wall of this sandbox, cannot do that. */
export class UnsupportedError extends BrigError {}
/** 503: the daemon has no room, or is stopping. */
export class UnavailableError extends BrigError {}
/** 408 or 504: it took longer than was allowed. A command's own limit is not this but `Result.status === "timeout"`. */
export class TimeoutError extends BrigError {}
/** 507: the sandbox's disk is full. */
export class NoSpaceError extends BrigError {}
/** Another 5xx: a failure of the daemon's. */
export class ServerError extends BrigError {}

/** With `check: true`: the command did not end with `"ok"`. */
export class CommandError extends BrigError {
  constructor(readonly result: Result) {
    const last = result.stderr.trimEnd().split("\n").pop();
    super(`the command ended with ${result.status} (exit code ${result.exitCode})${last ? `: ${last}` : ""}`, { code: result.status });
  }
}

const classes: Record<number, typeof BrigError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  408: TimeoutError,
  409: ConflictError,
  413: PayloadTooLargeError,
  429: RateLimitError,
  501: UnsupportedError,
  503: UnavailableError,
  504: TimeoutError,
  507: NoSpaceError,
};

/** The error that an answer stands for. */
export async function errorOf(response: Response): Promise<BrigError> {
  const text = await response.text().catch(() => "");
  let body: { error?: unknown; code?: unknown; request_id?: unknown } = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // Not the daemon's: something in front of it answered.
  }
  const details: { status: number; code?: string; requestId?: string } = { status: response.status };
  if (typeof body.code === "string") details.code = body.code;
  const requestId = typeof body.request_id === "string" ? body.request_id : response.headers.get("x-request-id");
  if (requestId) details.requestId = requestId;
  let message = typeof body.error === "string" ? body.error : text.slice(0, 200) || `HTTP ${response.status}`;
  if (response.status === 401) message += " (set BRIG_API_KEY, or give apiKey)";
  const Class = classes[response.status] ?? (response.status >= 500 ? ServerError : BadRequestError);
  return new Class(message, details);
}
