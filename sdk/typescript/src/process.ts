import { ConflictError, NotFoundError, TimeoutError } from "./errors.js";
import { follow } from "./follow.js";
import type { Transport } from "./transport.js";
import type { Offsets, OutputChunk, ProcessInfo, RequestContent, Result } from "./types.js";
import * as wire from "./wire.js";

/** How long the daemon is asked to wait at a time. */
const waitStepMs = 20_000;

function bytesOf(base64: string): Uint8Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * A program in a sandbox. It runs whether or not anybody listens; its output is kept and can be read from any offset, also after its end.
 * Every method: `NotFoundError` once the sandbox has ended, or so many programs were started since that this one is forgotten.
 */
export class Process {
  /** @internal */
  constructor(
    protected readonly transport: Transport,
    protected readonly sandbox: string,
    /** Names it as long as its sandbox lives. */
    readonly id: string,
    /** Inside the sandbox; 0 if it could not be started, `undefined` for one that was named by its id (`Sandbox.process`): `info()` tells. */
    readonly pid?: number,
  ) {}

  protected get path(): string {
    return `${this.sandbox}/processes/${encodeURIComponent(this.id)}`;
  }

  async info(): Promise<ProcessInfo> {
    return wire.processInfo(await this.transport.json("GET", this.path));
  }

  /** Suspends until it has ended, however long that takes; with `timeoutSeconds`, `TimeoutError` after that long: the command goes on then. */
  async wait(options: { timeoutSeconds?: number; signal?: AbortSignal } = {}): Promise<Result> {
    const giveUp = options.timeoutSeconds === undefined ? Infinity : Date.now() + options.timeoutSeconds * 1000;
    for (;;) {
      const patience = Math.max(0, Math.min(waitStepMs, giveUp - Date.now()));
      const json = await this.transport.json("GET", `${this.path}/wait`, { query: { timeout_ms: Math.floor(patience) }, signal: options.signal });
      if (!json.running) return wire.result(json);
      if (Date.now() >= giveUp) throw new TimeoutError(`process ${this.id} still runs after ${options.timeoutSeconds} s`);
    }
  }

  /** `"SIGINT"`, `"INT"` or 2. `ConflictError` if it has ended, `BadRequestError` for what is no signal. Not repeated. */
  async signal(signal: string | number): Promise<void> {
    await this.transport.done("POST", `${this.path}/signal`, { json: { signal } });
  }

  /** SIGKILL; fine if it has ended. */
  async kill(): Promise<void> {
    await this.transport.done("DELETE", this.path);
  }

  /** Returns when the program's side has taken all of it. `ConflictError` if it has ended or its input is closed. Not repeated. */
  async sendStdin(data: string | Uint8Array | ReadableStream<Uint8Array>, options: { close?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    await this.transport.done("POST", `${this.path}/stdin`, {
      body: data as RequestContent,
      query: { close: options.close || undefined },
      signal: options.signal,
      idempotent: false,
    });
  }

  /** The program reads the end of its input. Fine if it has ended. */
  async closeStdin(): Promise<void> {
    await this.transport.done("DELETE", `${this.path}/stdin`);
  }

  /**
   * Its output from byte offsets on (default: the beginning), as it comes, to its end. A connection that breaks is taken up where it broke;
   * `NetworkError` if that fails several times in a row. Leaving the loop, or aborting, leaves the program running.
   */
  async *output(options: { from?: Partial<Offsets>; signal?: AbortSignal } = {}): AsyncGenerator<OutputChunk, void, undefined> {
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const offsets = { stdout: options.from?.stdout ?? 0, stderr: options.from?.stderr ?? 0 };
    const { transport, sandbox, id: processId } = this;
    for await (const one of follow({ transport, sandbox, processId, offsets, encoding: "base64", signal: options.signal })) {
      if (one.kind !== "output") continue;
      const data = bytesOf(one.chunk);
      yield { stream: one.stream, data, text: decoders[one.stream].decode(data, { stream: true }), next: one.next };
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<OutputChunk, void, undefined> {
    return this.output();
  }
}

/** @internal For what was closed or has ended meanwhile. */
export function isOver(error: unknown): boolean {
  return error instanceof ConflictError || error instanceof NotFoundError;
}
