/// A process's output from an offset to its end.
import type { ServerEvent } from "./events.js";
import { read, type Source } from "./stream.js";
import type { Transport } from "./transport.js";
import type { Offsets } from "./types.js";
import type { Json } from "./wire.js";

export type Followed =
  | { kind: "start"; process: Json }
  | { kind: "output"; stream: "stdout" | "stderr"; chunk: string; next: Offsets }
  | { kind: "exit"; process: Json };

export interface Following {
  transport: Transport;
  /** `/v1/sandboxes/{id}` */
  sandbox: string;
  /** Of the process; not known before the first answer. */
  processId?: string;
  offsets: Offsets;
  encoding: "text" | "base64";
  signal?: AbortSignal | undefined;
  /** The answer that started the process; then it need not be asked for. */
  first?: Response;
}

function offsetsOf(id: string, otherwise: Offsets): Offsets {
  const found = /^(\d+)-(\d+)$/.exec(id);
  return found ? { stdout: Number(found[1]), stderr: Number(found[2]) } : otherwise;
}

class OutputSource implements Source<Followed> {
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  private processId: string | undefined;
  private offsets: Offsets;
  private first: Response | undefined;

  constructor(private readonly f: Following) {
    this.what = `${f.sandbox}: the stream of a process's output`;
    this.signal = f.signal;
    this.processId = f.processId;
    this.offsets = f.offsets;
    this.first = f.first;
  }

  async open(): Promise<Response> {
    const { transport, sandbox, encoding, signal } = this.f;
    const path = `${sandbox}/processes/${this.processId}/stream`;
    const response = this.first ?? (await transport.send("GET", path, { query: { ...this.offsets, encoding }, signal }));
    this.first = undefined;
    this.processId ??= response.headers.get("brig-process-id") ?? undefined;
    return response;
  }

  mayGoOn(): boolean {
    return this.processId !== undefined; // otherwise nobody knows whether it runs
  }

  take({ name, data: text, id }: ServerEvent): ReturnType<Source<Followed>["take"]> {
    if (name === "") return {};
    const data = JSON.parse(text);
    if (name === "exit") return { items: [{ kind: "exit", process: data }], isOver: true };
    if (name === "start") {
      this.processId ??= data.id;
      return { items: [{ kind: "start", process: data }], isProgress: false };
    }
    if (name !== "stdout" && name !== "stderr") return {};
    this.offsets = offsetsOf(id, this.offsets);
    return { items: [{ kind: "output", stream: name, chunk: data.chunk ?? data.chunk_base64, next: this.offsets }] };
  }
}

/** The events up to `exit`. Nothing comes twice. */
export function follow(following: Following): AsyncGenerator<Followed, void, undefined> {
  return read(new OutputSource(following));
}
