import { TimeoutError } from "./errors.js";
import { sleep, type Transport } from "./transport.js";
import type { PortInfo, Preview } from "./types.js";
import * as wire from "./wire.js";

const pauseMs = 100;

/** The servers inside a sandbox that listen on 127.0.0.1 or everywhere, reached through the daemon: HTTP and WebSocket. */
export class Ports {
  /** @internal */
  constructor(
    private readonly transport: Transport,
    private readonly sandbox: string,
  ) {}

  /** Those that have a listener now. */
  async list(): Promise<PortInfo[]> {
    return (await this.transport.json("GET", `${this.sandbox}/ports`)).ports.map(wire.portInfo);
  }

  /** Returns when something listens on that port; `TimeoutError` if nothing does within `timeoutSeconds` (default 30). */
  async wait(port: number, options: { timeoutSeconds?: number; signal?: AbortSignal } = {}): Promise<void> {
    const giveUp = Date.now() + (options.timeoutSeconds ?? 30) * 1000;
    while (!(await this.list()).some((found) => found.port === port)) {
      if (Date.now() >= giveUp) throw new TimeoutError(`nothing listens on port ${port} yet`);
      await sleep(pauseMs, options.signal);
    }
  }

  /** Where that port is, for requests that carry the key (`headers`). For pages, and for those without a key: `preview()`. */
  url(port: number, path = "/"): string {
    return `${this.transport.apiUrl}${this.sandbox}/ports/${port}/${path.replace(/^\/+/, "")}`;
  }

  /** What a request to `url()` needs: `fetch(ports.url(8000), { headers: ports.headers })`. The server inside does not see it. */
  get headers(): Record<string, string> {
    return this.transport.headers();
  }

  /** An address that opens that port without a key until it expires (default an hour, at most 7 days), or the sandbox or the key ends. */
  async preview(port: number, options: { expiresInSeconds?: number } = {}): Promise<Preview> {
    return wire.preview(
      await this.transport.json("POST", `${this.sandbox}/ports/${port}/preview`, {
        json: { expires_in_seconds: options.expiresInSeconds },
        idempotent: true, // nothing is kept of it: made twice, there are two that are as good
      }),
    );
  }
}
