import "./dispose.js";
import { type CodeContext, type CodeContextOptions, Contexts, type Execution, type RunCodeOptions } from "./code.js";
import { CommandError, NotFoundError } from "./errors.js";
import { Filesystem } from "./filesystem.js";
import { follow } from "./follow.js";
import { events, logLines } from "./journal.js";
import { expectKnown } from "./options.js";
import { Ports } from "./ports.js";
import { isOver, Process } from "./process.js";
import { Terminal } from "./terminal.js";
import { Transport } from "./transport.js";
import type {
  Attestation,
  BackgroundOptions,
  Config,
  CreateOptions,
  EventOptions,
  ExecOptions,
  Lifetime,
  ListOptions,
  LogLine,
  Metrics,
  ProcessInfo,
  Promotion,
  Result,
  RuntimeInfo,
  SandboxEvent,
  SandboxInfo,
  SnapshotInfo,
  TemplateInfo,
  TerminalOptions,
} from "./types.js";
import * as wire from "./wire.js";

/** Output that is kept here while a command runs; of more the daemon is asked for head and tail. */
const keptMost = 1 << 20;
/** Input that goes along with the request that starts the command. */
const inlineStdinMost = 1 << 18;

/** No secret; Node 18, and pages that came by plain HTTP, have no `crypto.randomUUID`. */
function freshKey(): string {
  const part = () => Math.random().toString(36).slice(2, 12);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${part()}-${part()}`;
}

function commandOf(command: string | readonly string[]): { cmd: string } | { argv: readonly string[] } {
  return typeof command === "string" ? { cmd: command } : { argv: command };
}

function createBody(options: CreateOptions): Record<string, unknown> {
  return {
    template: options.template,
    from_snapshot: options.fromSnapshot,
    ttl_seconds: options.ttlSeconds,
    idle_seconds: options.idleSeconds,
    persistent: options.persistent,
    metadata: options.metadata,
    env: options.env,
    limits: options.limits && wire.limits(options.limits),
    policy: options.policy,
    require: options.require,
    runtime: options.runtime,
    libraries: options.libraries,
  };
}

/**
 * One sandbox. It ends with `kill()`, at its time-to-live or with the daemon; afterwards every method fails with `NotFoundError`, but for
 * `info()`, which says why it ended, and `kill()`.
 *
 *     await using sandbox = await Sandbox.create({ ttlSeconds: 60 });
 *     const result = await sandbox.exec("python3 -c 'print(6*7)'");
 */
export class Sandbox {
  /** Its files. */
  readonly filesystem: Filesystem;
  /** Servers inside. */
  readonly ports: Ports;
  private readonly path: string;
  private readonly contexts: Contexts;

  private constructor(
    private readonly transport: Transport,
    /** Small letters and digits. */
    readonly id: string,
    private readonly outputLimit: number,
  ) {
    this.path = `/v1/sandboxes/${encodeURIComponent(id)}`;
    this.filesystem = new Filesystem(transport, this.path);
    this.ports = new Ports(transport, this.path);
    this.contexts = new Contexts(transport, this.path, outputLimit);
  }

  /**
   * Makes a sandbox. Repeated after lost answers under one idempotency key, so that there is one sandbox, or none.
   * `BadRequestError` (an option), `AuthenticationError`, `NotFoundError` (no such template, snapshot or library), `RateLimitError` (the key's quota),
   * `UnavailableError` (no room), `UnsupportedError` (this host cannot enforce what is asked for), `NetworkError`.
   */
  static async create(options: CreateOptions = {}): Promise<Sandbox> {
    expectKnown("create", options);
    if (options.limits) expectKnown("limits", options.limits);
    const transport = new Transport(options);
    const json = await transport.json("POST", "/v1/sandboxes", {
      json: createBody(options),
      headers: { "Idempotency-Key": options.idempotencyKey ?? freshKey() },
      signal: options.signal,
      idempotent: true,
    });
    return new Sandbox(transport, json.id, json.limits.output_bytes);
  }

  /** One that lives. `NotFoundError` if it does not, or is another key's. */
  static async connect(id: string, config: Config = {}): Promise<Sandbox> {
    expectKnown("connect", config);
    const transport = new Transport(config);
    const json = await transport.json("GET", `/v1/sandboxes/${encodeURIComponent(id)}`);
    if (!json.limits) throw new NotFoundError(`sandbox ${id} has ended: ${json.end_reason ?? json.status}`, { status: 404, code: "not_found" });
    return new Sandbox(transport, json.id, json.limits.output_bytes);
  }

  /** The key's sandboxes, asked for page by page as the loop goes on. */
  static async *list(options: ListOptions = {}): AsyncGenerator<SandboxInfo, void, undefined> {
    expectKnown("list", options);
    const transport = new Transport(options);
    const metadata = Object.entries(options.metadata ?? {}).map(([name, value]) => [`metadata.${name}`, value]);
    let cursor: string | undefined;
    do {
      const page = await transport.json("GET", "/v1/sandboxes", {
        query: {
          ...Object.fromEntries(metadata),
          state: typeof options.states === "string" ? options.states : options.states?.join(","),
          template: options.template,
          limit: options.pageSize,
          cursor,
        },
        signal: options.signal,
      });
      for (const item of page.items) yield wire.sandboxInfo(item);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** The daemon's walls, the fastest first. */
  static async runtimes(config: Config = {}): Promise<RuntimeInfo[]> {
    return (await new Transport(config).json("GET", "/v1/runtimes")).items.map(wire.runtimeInfo);
  }

  /** What sandboxes can be made from. */
  static async templates(config: Config = {}): Promise<TemplateInfo[]> {
    const json = await new Transport(config).json("GET", "/v1/templates");
    return (Array.isArray(json) ? json : json.items).map(wire.templateInfo);
  }

  /**
   * What happens to the key's sandboxes, as it happens and without an end: leave the loop. A connection that breaks is made again, also after
   * a restart of the daemon, and goes on after the last event; what is not known is said (`"events.lost"`).
   */
  static events(options: EventOptions = {}): AsyncGenerator<SandboxEvent, void, undefined> {
    expectKnown("events", options);
    return events(new Transport(options), options);
  }

  /**
   * Runs a command to its end: a text goes through `/bin/sh -c`, a list is a program and its arguments. How it ended is in the result, also
   * if that was a limit; with `check` it is a `CommandError` unless it is `"ok"`. Never repeated: a `NetworkError` leaves open whether it
   * ran. Once it runs, a connection that breaks is taken up where it broke.
   */
  exec(command: string | readonly string[], options?: ExecOptions & { background?: false }): Promise<Result>;
  /** Starts a command and returns. */
  exec(command: string | readonly string[], options: BackgroundOptions): Promise<Process>;
  async exec(command: string | readonly string[], options: (ExecOptions & { background?: false }) | BackgroundOptions = {}): Promise<Result | Process> {
    expectKnown(options.background ? "exec in the background" : "exec", options);
    return options.background ? this.start(command, options) : this.run(command, options);
  }

  private async start(command: string | readonly string[], options: BackgroundOptions): Promise<Process> {
    const json = await this.transport.json("POST", `${this.path}/exec`, {
      json: {
        ...commandOf(command),
        cwd: options.cwd,
        env: options.env,
        stdin: options.stdin,
        keep_stdin: options.keepStdin,
        timeout_seconds: options.timeoutSeconds,
        background: true,
      },
      signal: options.signal,
    });
    return new Process(this.transport, this.path, json.id, json.pid);
  }

  private async run(command: string | readonly string[], options: ExecOptions): Promise<Result> {
    const isInline = typeof options.stdin === "string" && options.stdin.length <= inlineStdinMost;
    const feed = options.stdin !== undefined && !isInline ? options.stdin : undefined;
    const first = await this.transport.send("POST", `${this.path}/exec/stream`, {
      json: {
        ...commandOf(command),
        cwd: options.cwd,
        env: options.env,
        stdin: isInline ? options.stdin : undefined,
        keep_stdin: feed !== undefined || undefined,
        timeout_seconds: options.timeoutSeconds,
      },
      signal: options.signal,
    });
    const process = new Process(this.transport, this.path, first.headers.get("brig-process-id") ?? "");
    let result: Result;
    try {
      const gathering = this.gather(process, first, options);
      if (feed !== undefined) await Promise.race([gathering, this.feed(process, feed)]);
      result = await gathering;
    } catch (error) {
      // Nobody will ask for it any more: neither after an abort nor after a callback that failed.
      await process.kill().catch(() => undefined);
      throw error;
    }
    if (options.check && result.status !== "ok") throw new CommandError(result);
    return result;
  }

  /** A program that ends without reading all of its input is no failure. */
  private async feed(process: Process, input: string | Uint8Array): Promise<void> {
    try {
      await process.sendStdin(input, { close: true });
    } catch (error) {
      if (!isOver(error) && (await process.info()).running) throw error;
    }
  }

  private async gather(process: Process, first: Response, options: ExecOptions): Promise<Result> {
    const kept = { stdout: "", stderr: "" };
    const offsets = { stdout: 0, stderr: 0 };
    const { transport, path: sandbox } = this;
    let isWhole = true;
    for await (const one of follow({ transport, sandbox, processId: process.id, first, offsets, encoding: "text", signal: options.signal })) {
      if (one.kind === "output") {
        isWhole = isWhole && Math.max(one.next.stdout, one.next.stderr) <= Math.min(keptMost, this.outputLimit);
        if (isWhole) kept[one.stream] += one.chunk;
        (one.stream === "stdout" ? options.onStdout : options.onStderr)?.(one.chunk);
      } else if (one.kind === "exit") {
        isWhole = isWhole && one.process.stdout_dropped === 0 && one.process.stderr_dropped === 0;
        return isWhole ? wire.result({ ...one.process, ...kept }) : await process.wait(options.signal ? { signal: options.signal } : {});
      }
    }
    throw new Error("unreachable: follow() ends with an exit or fails");
  }

  /**
   * Runs a cell in an interpreter that keeps its state: variables, imports and the folder are there for the next one. The value of a last
   * expression is a result; so are figures, tables and what `display()` is given. How the cell ended is a value: an exception of the code is
   * in `error`. A cell whose connection breaks is interrupted, and so is one whose callback throws. `BadRequestError`, `NotFoundError` (no such
   * context), `ConflictError` (paused), `RateLimitError` (64 cells wait already), `UnsupportedError` (a language without an interpreter that
   * keeps state).
   *
   *     await sandbox.runCode("x = 20");
   *     (await sandbox.runCode("x + 22")).text; // "42"
   */
  runCode(code: string, options: RunCodeOptions = {}): Promise<Execution> {
    return this.contexts.run(code, options);
  }

  /** Starts another interpreter, with a state of its own, and resolves when it is ready. `NotFoundError`: the template has no such interpreter. */
  createCodeContext(options: CodeContextOptions = {}): Promise<CodeContext> {
    return this.contexts.create(options);
  }

  /** Those there are, by age; a language's own from its first cell on, named as the language. */
  listCodeContexts(): Promise<CodeContext[]> {
    return this.contexts.list();
  }

  /** Ends its interpreter and the cell that runs; the next cell gets a new one, without the state. */
  restartCodeContext(context: CodeContext | string): Promise<void> {
    return this.contexts.act(context, "restart");
  }

  /** Interrupts the cell that runs, if one does. The state is kept. */
  interruptCodeContext(context: CodeContext | string): Promise<void> {
    return this.contexts.act(context, "interrupt");
  }

  /** Ends it for good. False if there is none of that id. */
  removeCodeContext(context: CodeContext | string): Promise<boolean> {
    return this.contexts.remove(context);
  }

  /**
   * Starts a command at a terminal (default: `exec bash`), which goes on when nobody looks; or names one that runs, by its id:
   * `sandbox.terminal({ id })`.
   */
  terminal(one: { id: string }): Terminal;
  terminal(command?: string | readonly string[], options?: TerminalOptions): Promise<Terminal>;
  terminal(command: string | readonly string[] | { id: string } = "exec bash", options: TerminalOptions = {}): Terminal | Promise<Terminal> {
    if (typeof command === "object" && "id" in command) return new Terminal(this.transport, this.path, command.id);
    return this.startTerminal(command, options);
  }

  private async startTerminal(command: string | readonly string[], options: TerminalOptions): Promise<Terminal> {
    expectKnown("terminal", options);
    const json = await this.transport.json("POST", `${this.path}/exec`, {
      json: {
        ...commandOf(command),
        cwd: options.cwd,
        env: options.env,
        timeout_seconds: options.timeoutSeconds,
        terminal: { rows: options.rows ?? 24, cols: options.columns ?? 80 },
        background: true,
      },
      signal: options.signal,
    });
    return new Terminal(this.transport, this.path, json.id, json.pid);
  }

  /** A process by its id. */
  process(id: string): Process {
    return new Process(this.transport, this.path, id);
  }

  /** Those that run, and the last hundred that have ended. */
  async processes(): Promise<ProcessInfo[]> {
    return (await this.transport.json("GET", `${this.path}/processes`)).items.map(wire.processInfo);
  }

  /** Also of one that has ended, for a while: `endReason` says why. */
  async info(): Promise<SandboxInfo> {
    return wire.sandboxInfo(await this.transport.json("GET", this.path));
  }

  /** What really confines it. */
  async attestation(): Promise<Attestation> {
    return this.transport.json("GET", `${this.path}/attestation`);
  }

  /** What it uses now. */
  async metrics(): Promise<Metrics> {
    return wire.metrics(await this.transport.json("GET", `${this.path}/metrics`));
  }

  /** What its commands printed, one after the other, head and tail of each; with `stream`, of one stream. */
  async logs(options: { stream?: "stdout" | "stderr" } = {}): Promise<string> {
    return (await this.transport.send("GET", `${this.path}/logs`, { query: { stream: options.stream } })).text();
  }

  /** What its commands print, line by line as it comes, until the sandbox ends. A broken connection loses and repeats nothing. */
  followLogs(options: { stream?: "stdout" | "stderr"; signal?: AbortSignal } = {}): AsyncGenerator<LogLine, void, undefined> {
    return logLines(this.transport, this.path, options.stream, options.signal);
  }

  /** Returns when nothing is left of it. False if it had ended before. */
  async kill(): Promise<boolean> {
    try {
      await this.transport.done("DELETE", this.path);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /** Freezes every process in it; until `resume()` other methods fail with `ConflictError`. Deadlines go on. */
  async pause(): Promise<void> {
    await this.transport.done("POST", `${this.path}/pause`);
  }

  async resume(): Promise<void> {
    await this.transport.done("POST", `${this.path}/resume`);
  }

  /** A pause that the next command, file request or visit of a port ends by itself. */
  async hibernate(): Promise<void> {
    await this.transport.done("POST", `${this.path}/hibernate`);
  }

  /** Ends a hibernation; nothing if there is none. */
  async wake(): Promise<void> {
    await this.transport.done("POST", `${this.path}/wake`);
  }

  /**
   * Keeps its files: /workspace, /home/user and /tmp, as they are while programs run. Behind the process wall neither memory nor programs
   * are kept (`memory` says so). `ConflictError` (paused; a file that the sandbox's user cannot read), `RateLimitError` (a key has at most 100).
   */
  async snapshot(): Promise<SnapshotInfo> {
    return wire.snapshotInfo(await this.transport.json("POST", `${this.path}/snapshots`));
  }

  /**
   * Another sandbox with a copy of this one's files, its limits and environment; no program runs in it. It ends with `kill()`, as
   * `await using`, or by a time-to-live of its own. Not repeated. `ConflictError` (paused), `RateLimitError`, `UnavailableError`.
   */
  async fork(options: { metadata?: Record<string, string> } = {}): Promise<Sandbox> {
    const json = await this.transport.json("POST", `${this.path}/fork`, { json: { metadata: options.metadata } });
    return new Sandbox(this.transport, json.sandbox.id, json.sandbox.limits.output_bytes);
  }

  /** As many forks, at most 16, of one state. What a quota does not allow is in `errors`, not thrown, as long as there is one child. */
  async forkTree(count: number, options: { metadata?: Record<string, string> } = {}): Promise<ForkTree> {
    const json = await this.transport.json("POST", `${this.path}/fork-tree`, { json: { count, metadata: options.metadata } });
    const children = json.children.map((child: wire.Json) => new Sandbox(this.transport, child.id, child.limits.output_bytes));
    return new Tree(json.tree_id, children, json.errors ?? []);
  }

  /** Of a fork tree's child: it stays, its siblings are ended (unless `cleanupSiblings` is false). `ConflictError` if it is not of that tree. */
  async promote(options: { treeId?: string; cleanupSiblings?: boolean } = {}): Promise<Promotion> {
    const json = { tree_id: options.treeId, cleanup_siblings: options.cleanupSiblings ?? true };
    return wire.promotion(await this.transport.json("POST", `${this.path}/promote`, { json, idempotent: true }));
  }

  /** When it will end by itself. */
  async lifetime(): Promise<Lifetime> {
    return wire.lifetime(await this.transport.json("GET", `${this.path}/lifecycle`));
  }

  /**
   * A new end, that many seconds from now; `null` for none. `BadRequestError` beyond what the daemon allows, `NotFoundError` if it has
   * expired: what has expired is not revived.
   */
  async setTtl(seconds: number | null): Promise<Lifetime> {
    return this.setLifetime(seconds === null ? { persistent: true } : { ttl_seconds: seconds });
  }

  /** It ends when it was not used for so many seconds; `null`: no such limit. */
  async setIdle(seconds: number | null): Promise<Lifetime> {
    return this.setLifetime({ idle_seconds: seconds });
  }

  private async setLifetime(json: Record<string, unknown>): Promise<Lifetime> {
    return wire.lifetime(await this.transport.json("PATCH", `${this.path}/lifecycle`, { json, idempotent: true }));
  }

  /** `kill()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Forks of one state: `await using tree = await sandbox.forkTree(3)` ends them with its block, but for one that was promoted. */
export interface ForkTree extends AsyncDisposable {
  /** Names the tree; each child has it as metadata `fork_tree_id`. */
  readonly id: string;
  readonly children: readonly Sandbox[];
  /** Why there are not more children, in words. */
  readonly errors: readonly string[];
  /** `winner` stays, the others are ended. */
  promote(winner: Sandbox): Promise<Promotion>;
}

class Tree implements ForkTree {
  private winner: string | undefined;

  constructor(
    readonly id: string,
    readonly children: readonly Sandbox[],
    readonly errors: readonly string[],
  ) {}

  async promote(winner: Sandbox): Promise<Promotion> {
    const promotion = await winner.promote({ treeId: this.id });
    this.winner = winner.id;
    return promotion;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.children.filter((child) => child.id !== this.winner).map((child) => child.kill()));
  }
}
