/// What happens to sandboxes, and what their commands print: streams over all of a key's, or all of a sandbox's.
import type { ServerEvent } from "./events.js";
import { read, type Source } from "./stream.js";
import type { Transport } from "./transport.js";
import type { EventOptions, LogLine, SandboxEvent } from "./types.js";
import { sandboxEvent } from "./wire.js";

class EventSource implements Source<SandboxEvent> {
  readonly what = "the stream of events";
  readonly signal: AbortSignal | undefined;
  private after: string | undefined;
  private connections = 0;

  constructor(
    private readonly transport: Transport,
    private readonly options: EventOptions,
  ) {
    this.after = options.after;
    this.signal = options.signal;
  }

  async open(): Promise<Response> {
    const { sandboxId: sandbox, fromOldest, signal } = this.options;
    const response = await this.transport.send("GET", "/v1/events", {
      query: { sandbox, from: fromOldest ? "oldest" : "now" },
      headers: this.after === undefined ? {} : { "Last-Event-ID": this.after },
      signal,
    });
    ++this.connections;
    return response;
  }

  /** Of what happens "from now on" nobody knows what was missed before the first event. */
  lost(): SandboxEvent[] {
    if (this.connections < 2 || this.after !== undefined || this.options.fromOldest) return [];
    const detail = "the connection broke before the first event; what happened until it was there again is not known";
    return [{ id: "", type: "events.lost", at: new Date(), sandboxId: null, data: { detail } }];
  }

  take({ name, data, id }: ServerEvent): ReturnType<Source<SandboxEvent>["take"]> {
    if (name === "") return { isProgress: true };
    const items = [...this.lost(), sandboxEvent(id, name, JSON.parse(data))];
    this.after = id || this.after;
    return { items };
  }
}

export function events(transport: Transport, options: EventOptions): AsyncGenerator<SandboxEvent, void, undefined> {
  return read(new EventSource(transport, options));
}

/** Another connection begins anew, and what was seen is left out. */
class LogSource implements Source<LogLine> {
  readonly what = "the stream of lines";
  readonly endsWithConnection = true;
  /** Characters, by process and stream. */
  private readonly seen = new Map<string, number>();
  private passed = new Map<string, number>();

  constructor(
    private readonly transport: Transport,
    private readonly sandbox: string,
    private readonly stream: "stdout" | "stderr" | undefined,
    readonly signal: AbortSignal | undefined,
  ) {}

  open(): Promise<Response> {
    this.passed = new Map();
    return this.transport.send("GET", `${this.sandbox}/logs`, { query: { follow: 1, stream: this.stream }, signal: this.signal });
  }

  take({ name, data }: ServerEvent): ReturnType<Source<LogLine>["take"]> {
    if (name !== "line") return {};
    const { line, stream, process: processId } = JSON.parse(data);
    const of = `${processId} ${stream}`;
    const at = this.passed.get(of) ?? 0;
    const text: string = line.slice(Math.max(0, (this.seen.get(of) ?? 0) - at));
    this.passed.set(of, at + line.length);
    if (text === "") return {};
    this.seen.set(of, at + line.length);
    return { items: [{ text, stream, processId }] };
  }
}

export function logLines(transport: Transport, sandbox: string, stream: "stdout" | "stderr" | undefined, signal: AbortSignal | undefined) {
  return read(new LogSource(transport, sandbox, stream, signal));
}
