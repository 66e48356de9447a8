import "./dispose.js";
import type { ServerEvent } from "./events.js";
import { read, type Source } from "./stream.js";
import type { Transport } from "./transport.js";
import type { FileChange } from "./types.js";

function below(folder: string, path: string): string {
  return path === "" ? folder : `${folder === "/" ? "" : folder.replace(/\/+$/, "")}/${path}`;
}

/** `undefined`: from here on nothing is missed. */
class ChangeSource implements Source<FileChange | undefined> {
  readonly what = "the stream of changes";
  private isWatching = false;
  private hasWatched = false;

  constructor(
    private readonly transport: Transport,
    private readonly sandbox: string,
    private readonly path: string,
    private readonly recursive: boolean,
    readonly signal: AbortSignal | undefined,
  ) {}

  open(): Promise<Response> {
    this.isWatching = false;
    return this.transport.send("GET", `${this.sandbox}/fs/watch`, {
      query: { path: this.path, recursive: this.recursive || undefined },
      signal: this.signal,
    });
  }

  take({ name, data: text }: ServerEvent): ReturnType<Source<FileChange | undefined>["take"]> {
    if (name === "end") return { isOver: true };
    if (name !== "") {
      const data = JSON.parse(text);
      const change: FileChange = { type: data.type, path: below(this.path, data.path), isDirectory: data.is_dir };
      if (data.from !== undefined) change.from = below(this.path, data.from);
      return { items: [change] };
    }
    if (this.isWatching) return { isProgress: true };
    this.isWatching = true;
    // What happened between two connections nobody saw.
    const items = [this.hasWatched ? ({ type: "overflow", path: this.path, isDirectory: true } as const) : undefined];
    this.hasWatched = true;
    return { items, isProgress: false };
  }
}

/**
 * Changes as they happen: `for await (const change of watch)`. The loop ends when the watched place is gone; leaving it stops watching.
 * A connection that breaks is made again; what happened meanwhile is a change of type `"overflow"`: look again.
 */
export class Watch implements AsyncIterableIterator<FileChange> {
  private constructor(private readonly changes: AsyncGenerator<FileChange | undefined, void, undefined>) {}

  /** @internal Returns when nothing is missed any more. */
  static async begin(transport: Transport, sandbox: string, path: string, recursive: boolean, signal: AbortSignal | undefined): Promise<Watch> {
    const changes = read(new ChangeSource(transport, sandbox, path, recursive, signal));
    await changes.next();
    return new Watch(changes);
  }

  async next(): Promise<IteratorResult<FileChange, undefined>> {
    const { value, done } = await this.changes.next();
    return done || value === undefined ? { value: undefined, done: true } : { value, done: false };
  }

  /** Stops watching; what a loop does that is left. */
  async return(): Promise<IteratorResult<FileChange, undefined>> {
    await this.changes.return();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** `return()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.changes.return();
  }
}
