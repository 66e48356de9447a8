/// Cells of a code interpreter: what they answer with, in the shapes that users of E2B's code interpreter know, and how they are run.
import { BadRequestError, NotFoundError } from "./errors.js";
import type { ServerEvent } from "./events.js";
import { expectKnown } from "./options.js";
import { read, type Source } from "./stream.js";
import type { Transport } from "./transport.js";
import type { Json } from "./wire.js";

/** An interpreter that keeps its state from cell to cell. */
export interface CodeContext {
  readonly id: string;
  readonly language: string;
  /** Where it began. */
  readonly cwd: string;
}

/**
 * One thing that a cell showed, in the forms that it has. Pictures and PDF are base64. The code inside made all of it: HTML and SVG are
 * a stranger's, and belong into a frame that may do nothing.
 */
export interface CodeResult {
  /** The value of the last expression; otherwise something displayed. */
  readonly isMainResult: boolean;
  /** Of a string without its quotes; `raw` has it as it was. */
  readonly text?: string;
  readonly html?: string;
  readonly markdown?: string;
  readonly svg?: string;
  readonly png?: string;
  readonly jpeg?: string;
  readonly pdf?: string;
  readonly latex?: string;
  /** A list or an object. */
  readonly json?: unknown;
  readonly javascript?: string;
  /** Of a data frame: its columns. */
  readonly data?: Record<string, unknown[]>;
  /** Of a figure. */
  readonly chart?: Chart;
  /** Other forms, by MIME type. */
  readonly extra: Record<string, unknown>;
  /** Every form as it came, by MIME type. */
  readonly raw: Record<string, string>;
}

/** What a figure shows, as data. `elements` depend on `type`: docs/service.md of Brig. */
export interface Chart {
  readonly type: "line" | "scatter" | "bar" | "pie" | "box_and_whisker" | "superchart" | "unknown";
  readonly title: string | null;
  // biome-ignore lint: lines, bars, slices, boxes or charts
  readonly elements: any[];
  readonly [name: string]: unknown;
}

/** What went wrong in a cell: the program's exception, or what became of its interpreter (`"TimeoutError"`, `"KernelDied"`, `"LanguageNotAvailable"`, …). */
export interface ExecutionError {
  readonly name: string;
  readonly value: string;
  /** Begins in the cell. */
  readonly traceback: string;
  /** What can be done about it, where the daemon knows that (a module that the template lacks). */
  readonly hint?: string;
}

/** How a cell ended. The state is kept, but with `"died"`: the interpreter is gone and the next cell begins anew. */
export type CellStatus = "ok" | "error" | "timeout" | "interrupted" | "exit" | "died";

/** One cell, ended. */
export interface Execution {
  readonly status: CellStatus;
  readonly results: readonly CodeResult[];
  /** What it printed, in pieces; of more than the sandbox's `limits.output`, the first and the last half, and between them a piece that says so. */
  readonly logs: {
    readonly stdout: readonly string[];
    readonly stderr: readonly string[];
    /** Characters that are missing between the two halves. */
    readonly stdoutElided: number;
    readonly stderrElided: number;
  };
  readonly error?: ExecutionError;
  /** The text of the last expression's value, if it had one. */
  readonly text?: string;
  /** Which cell of its interpreter it was, from 1. */
  readonly executionCount?: number;
  /** Of `"exit"`. */
  readonly exitCode?: number;
  /** Results that were too many or too large. */
  readonly dropped: number;
}

export interface RunCodeOptions {
  /** `"python"` (the default), `"javascript"`, `"typescript"`, `"bash"`, `"java"` or `"r"`. Each has a context of its own, which its first cell starts. */
  language?: string;
  /** Another one, of `createCodeContext()`. */
  context?: CodeContext | string;
  /** The cell is interrupted after so many seconds and the state is kept. Default: the sandbox's `limits.timeout`. */
  timeoutSeconds?: number;
  /** Environment variables for this cell alone. */
  envs?: Record<string, string>;
  /** Changed to before the cell, and for those that follow. */
  cwd?: string;
  onStdout?: (text: string) => void;
  onStderr?: (text: string) => void;
  onResult?: (result: CodeResult) => void;
  onError?: (error: ExecutionError) => void;
  /** Interrupts the cell; the state is kept. */
  signal?: AbortSignal;
}

export interface CodeContextOptions {
  /** Default: `"python"`. */
  language?: string;
  /** Default: the template's working folder. */
  cwd?: string;
  /** Added to the sandbox's own. `BRIG_ENGINE: "ipython"` asks for IPython's shell where the template has it. */
  envs?: Record<string, string>;
}

const forms: Record<string, string> = {
  "text/plain": "text",
  "text/html": "html",
  "text/markdown": "markdown",
  "image/svg+xml": "svg",
  "image/png": "png",
  "image/jpeg": "jpeg",
  "application/pdf": "pdf",
  "text/latex": "latex",
  "application/json": "json",
  "application/javascript": "javascript",
  "e2b/data": "data",
  "e2b/chart": "chart",
};

/** What a cell said is JSON; `undefined` if it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeResult(json: Json): CodeResult {
  const known: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [mime, form] of Object.entries<string>(json.data)) {
    const name = Object.hasOwn(forms, mime) ? forms[mime] : undefined;
    if (name === undefined) extra[mime] = mime.endsWith("json") ? parsed(form) : form;
    else if (name === "text") known[name] = form.replace(/^(['"])([^]*)\1$/, "$2");
    else known[name] = name === "json" || name === "data" || name === "chart" ? parsed(form) : form;
    if (known[name ?? ""] === undefined) delete known[name ?? ""];
  }
  return { isMainResult: json.is_main, ...known, extra, raw: json.data };
}

function wholeLines(pieces: readonly string[]): string[] {
  const whole: string[] = [];
  let begun: string[] = [];
  for (const piece of pieces) {
    begun.push(piece);
    if (!piece.endsWith("\n")) continue;
    whole.push(begun.join(""));
    begun = [];
  }
  return begun.length > 0 ? [...whole, begun.join("")] : whole;
}

/** The pieces of one stream; of more than so many characters, those of the first and the last half. */
class Kept {
  elided = 0;
  private readonly head: string[] = [];
  private readonly tail: string[] = [];
  private room: number;
  private held = 0;

  constructor(private readonly most: number) {
    this.room = Math.floor(most / 2);
  }

  add(chunk: string): void {
    const text = chunk.slice(this.room);
    if (this.room > 0) this.head.push(chunk.slice(0, this.room));
    this.room = Math.max(0, this.room - chunk.length);
    if (text === "") return;
    this.tail.push(text);
    for (this.held += text.length; this.held > Math.ceil(this.most / 2); ) {
      const first = this.tail[0] as string;
      const excess = Math.min(this.held - Math.ceil(this.most / 2), first.length);
      if (excess === first.length) this.tail.shift();
      else this.tail[0] = first.slice(excess);
      this.held -= excess;
      this.elided += excess;
    }
  }

  /**
   * What was printed at once is one piece, however it was written: they end where lines do, but for the last of a half. What is missing
   * between the halves is said by a piece of its own.
   */
  pieces(): string[] {
    const gap = this.elided > 0 ? [`\n[… ${this.elided} characters elided …]\n`] : [];
    return [...wholeLines(this.head), ...gap, ...wholeLines(this.tail)];
  }
}

type Said =
  | { name: "stdout"; said: string }
  | { name: "stderr"; said: string }
  | { name: "result"; said: CodeResult }
  | { name: "error"; said: ExecutionError };

/** A cell while it runs. The daemon interrupts it when the connection breaks, so there is no second one. */
class Cell implements Source<Said> {
  readonly what = "the cell's answer";
  readonly signal: AbortSignal | undefined;
  private readonly output: { stdout: Kept; stderr: Kept };
  private readonly results: CodeResult[] = [];
  private error: ExecutionError | undefined;
  private end: Json;

  constructor(
    private readonly transport: Transport,
    private readonly path: string,
    private readonly code: string,
    private readonly options: RunCodeOptions,
    outputMost: number,
  ) {
    this.signal = options.signal;
    this.output = { stdout: new Kept(outputMost), stderr: new Kept(outputMost) };
  }

  mayGoOn(): boolean {
    return false;
  }

  open(): Promise<Response> {
    const { timeoutSeconds: timeout_seconds, envs, cwd, signal } = this.options;
    const json = { code: this.code, timeout_seconds, envs, cwd };
    return this.transport.send("POST", `${this.path}/run`, { json, headers: { Accept: "text/event-stream" }, signal });
  }

  take({ name, data }: ServerEvent): ReturnType<Source<Said>["take"]> {
    if (name === "") return { isProgress: true };
    const said = JSON.parse(data);
    if (name === "stdout" || name === "stderr") {
      this.output[name].add(said.chunk);
      return { items: [{ name, said: said.chunk }] };
    }
    if (name === "result") {
      const result = codeResult(said);
      this.results.push(result);
      return { items: [{ name, said: result }] };
    }
    if (name === "error") {
      this.error = said as ExecutionError;
      return { items: [{ name, said }] };
    }
    if (name !== "end") return {};
    this.end = said;
    return { isOver: true };
  }

  execution(): Execution {
    const { stdout, stderr } = this.output;
    const text = this.results.find((result) => result.isMainResult)?.text;
    return {
      status: this.end.status,
      results: this.results,
      logs: { stdout: stdout.pieces(), stderr: stderr.pieces(), stdoutElided: stdout.elided, stderrElided: stderr.elided },
      ...(this.error && { error: this.error }),
      ...(text !== undefined && { text }),
      ...(this.end.execution_count && { executionCount: this.end.execution_count }),
      ...(this.end.exit_code !== null && { exitCode: this.end.exit_code }),
      dropped: this.end.dropped,
    };
  }
}

function idOf(context: CodeContext | string): string {
  return encodeURIComponent(typeof context === "string" ? context : context.id);
}

/** The contexts of the sandbox whose path that is. */
export class Contexts {
  private readonly path: string;

  constructor(
    private readonly transport: Transport,
    sandbox: string,
    private readonly outputMost: number,
  ) {
    this.path = `${sandbox}/contexts`;
  }

  async run(code: string, options: RunCodeOptions): Promise<Execution> {
    expectKnown("runCode", options);
    if (options.context !== undefined && options.language !== undefined)
      throw new BadRequestError("language and context: one of them is expected, a context has its language");
    const where = `${this.path}/${idOf(options.context ?? options.language ?? "python")}`;
    const cell = new Cell(this.transport, where, code, options, this.outputMost);
    for await (const one of read(cell)) {
      if (one.name === "stdout") options.onStdout?.(one.said);
      else if (one.name === "stderr") options.onStderr?.(one.said);
      else if (one.name === "result") options.onResult?.(one.said);
      else options.onError?.(one.said);
    }
    return cell.execution();
  }

  async create(options: CodeContextOptions): Promise<CodeContext> {
    expectKnown("createCodeContext", options);
    return this.transport.json("POST", this.path, { json: options });
  }

  async list(): Promise<CodeContext[]> {
    return (await this.transport.json("GET", this.path)).items;
  }

  act(context: CodeContext | string, verb: "restart" | "interrupt"): Promise<void> {
    return this.transport.done("POST", `${this.path}/${idOf(context)}/${verb}`);
  }

  async remove(context: CodeContext | string): Promise<boolean> {
    try {
      await this.transport.done("DELETE", `${this.path}/${idOf(context)}`);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }
}
