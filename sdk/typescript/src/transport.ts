/// Requests: where they go, who asks, which are repeated, what an answer means.
import { ConflictError, errorOf, NetworkError } from "./errors.js";
import type { Config, RequestContent } from "./types.js";

const defaultUrl = "http://127.0.0.1:2744";
/** What Node says when there was no connection at all; a browser does not say. */
const unreached = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);
const repeatable = new Set([429, 502, 503, 504]);

export interface Request {
  query?: Record<string, string | number | boolean | undefined>;
  json?: unknown;
  body?: RequestContent;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Doing it twice is doing it once. Default: GET and DELETE. A body that is a stream cannot be sent twice. */
  idempotent?: boolean;
}

/** Resolves after that many milliseconds; rejects with the signal's reason. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** Before the n-th repetition, counted from 0; milliseconds. Half of it is chance, so that many clients do not come at once. */
export function pause(n: number): number {
  const most = Math.min(5000, 100 * 4 ** n);
  return most / 2 + (Math.random() * most) / 2;
}

function environment(name: string): string | undefined {
  const process = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process;
  return process?.env?.[name] || undefined;
}

export class Transport {
  readonly apiUrl: string;
  private readonly apiKey: string | undefined;
  private readonly retries: number;
  private readonly fetcher: typeof fetch;

  constructor(config: Config = {}) {
    this.apiUrl = (config.apiUrl ?? environment("BRIG_API_URL") ?? defaultUrl).replace(/\/+$/, "");
    // Another prefix names the same key, and asks for another client's dialect.
    this.apiKey = (config.apiKey ?? environment("BRIG_API_KEY"))?.replace(/^(pds|e2b)_/, "brig_");
    this.retries = config.retries ?? 3;
    this.fetcher = config.fetch ?? ((input, init) => fetch(input, init));
  }

  /** The answer, if it is a good one. Its body is the caller's to read. */
  async send(method: string, path: string, request: Request = {}): Promise<Response> {
    const isIdempotent = request.idempotent ?? (method === "GET" || method === "DELETE");
    for (let attempt = 0; ; ++attempt) {
      const isLast = !isIdempotent || attempt >= this.retries;
      const response = await this.once(method, path, request).catch((error) => {
        request.signal?.throwIfAborted();
        if (!(error instanceof NetworkError) || isLast) throw error;
        return error;
      });
      if (response instanceof NetworkError) {
        await sleep(pause(attempt), request.signal);
        continue;
      }
      if (response.ok) return response;
      const error = await errorOf(response);
      // The first attempt, of which we heard nothing, is still being worked on.
      const isBusy = attempt > 0 && error instanceof ConflictError && request.headers?.["Idempotency-Key"] !== undefined;
      if (isLast || !(repeatable.has(response.status) || isBusy)) throw error;
      const after = Number(response.headers.get("retry-after"));
      await sleep(after > 0 ? Math.min(after, 30) * 1000 : pause(attempt), request.signal);
    }
  }

  // biome-ignore lint: read by wire.ts
  async json(method: string, path: string, request: Request = {}): Promise<any> {
    const response = await this.send(method, path, request);
    try {
      return await response.json();
    } catch (cause) {
      request.signal?.throwIfAborted();
      throw new NetworkError(`${method} ${path}: the answer broke off or is no JSON`, { cause });
    }
  }

  /** For answers without a body. */
  async done(method: string, path: string, request: Request = {}): Promise<void> {
    const response = await this.send(method, path, request);
    await response.arrayBuffer().catch(() => undefined);
  }

  /** Who asks. */
  headers(): Record<string, string> {
    return this.apiKey ? { Authorization: `Bearer ${this.apiKey}` } : {};
  }

  private async once(method: string, path: string, request: Request): Promise<Response> {
    const url = new URL(this.apiUrl + path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    const headers: Record<string, string> = { ...request.headers, ...this.headers() };
    const init: RequestInit & { duplex?: "half" } = { method, headers };
    if (request.json !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(request.json);
    } else if (request.body !== undefined) {
      // A form's names its own boundary.
      if (!(request.body instanceof FormData)) headers["Content-Type"] ??= "application/octet-stream";
      init.body = request.body;
      if (request.body instanceof ReadableStream) init.duplex = "half";
    }
    if (request.signal) init.signal = request.signal;
    try {
      return await this.fetcher(url, init);
    } catch (cause) {
      request.signal?.throwIfAborted();
      const system = cause instanceof Error ? (cause.cause as { message?: string; code?: string } | undefined) : undefined;
      const why = system?.message || system?.code || (cause instanceof Error ? cause.message : String(cause));
      const mend = unreached.has(system?.code ?? "") ? "; `brig serve` starts a daemon, BRIG_API_URL says where it is" : "";
      throw new NetworkError(`${method} ${url.origin}${url.pathname}: no answer (${why})${mend}`, { cause });
    }
  }
}
