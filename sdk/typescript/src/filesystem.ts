import { BrigError } from "./errors.js";
import type { Transport } from "./transport.js";
import type { FileContent, FileInfo, RequestContent } from "./types.js";
import { Watch } from "./watch.js";
import * as wire from "./wire.js";

/**
 * The files of a sandbox. Paths are absolute, inside it. What the kernel inside refuses is an error: `NotFoundError` (no such file),
 * `PermissionError` (read-only, not permitted), `ConflictError` (exists, is a folder, is none), `NoSpaceError`, `BadRequestError` (no path).
 */
export class Filesystem {
  /** @internal */
  constructor(
    private readonly transport: Transport,
    private readonly sandbox: string,
  ) {}

  /** The whole file: as text (UTF-8), bytes or a stream. A stream costs the same memory whatever the file's size. */
  read(path: string, options?: { format?: "text"; signal?: AbortSignal }): Promise<string>;
  read(path: string, options: { format: "bytes"; signal?: AbortSignal }): Promise<Uint8Array>;
  read(path: string, options: { format: "stream"; signal?: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
  async read(
    path: string,
    options: { format?: "text" | "bytes" | "stream"; signal?: AbortSignal } = {},
  ): Promise<string | Uint8Array | ReadableStream<Uint8Array>> {
    const response = await this.transport.send("GET", `${this.sandbox}/fs`, { query: { path }, signal: options.signal });
    if (options.format === "stream") return response.body ?? new Blob([]).stream();
    const bytes = new Uint8Array(await response.arrayBuffer());
    return options.format === "bytes" ? bytes : new TextDecoder().decode(bytes);
  }

  /**
   * Writes a file (0644), replacing what is there, and makes the folders above it. `exclusive`: `ConflictError` if it exists.
   * A stream is sent as it comes, and once; browsers send streams over HTTP/2 only.
   */
  async write(path: string, content: FileContent, options: { exclusive?: boolean; signal?: AbortSignal } = {}): Promise<{ path: string; bytes: number }> {
    return this.transport.json("PUT", `${this.sandbox}/fs`, {
      query: { path, exclusive: options.exclusive || undefined },
      body: content as RequestContent,
      signal: options.signal,
      idempotent: !options.exclusive && !(content instanceof ReadableStream),
    });
  }

  /** What a folder contains, by name; not what its folders contain. At most 10,000 entries. */
  async list(path: string): Promise<FileInfo[]> {
    const json = await this.transport.json("GET", `${this.sandbox}/fs/dir`, { query: { path } });
    const prefix = path.endsWith("/") ? path : `${path}/`;
    return json.entries.map((entry: wire.Json) => wire.fileInfo(entry, prefix + entry.name));
  }

  /** Of a symbolic link: the link's own. */
  async stat(path: string): Promise<FileInfo> {
    const json = await this.transport.json("GET", `${this.sandbox}/fs/stat`, { query: { path } });
    return wire.fileInfo(json, json.path);
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      // "not_found" would be the sandbox.
      if (error instanceof BrigError && (error.code === "no_such_file" || error.code === "not_a_folder")) return false;
      throw error;
    }
  }

  /** And the folders above it; fine if it exists. */
  async makeDir(path: string): Promise<void> {
    await this.transport.done("POST", `${this.sandbox}/fs/mkdir`, { json: { path }, idempotent: true });
  }

  /** Replaces a file at `to`. Not repeated. */
  async move(from: string, to: string): Promise<void> {
    await this.transport.done("POST", `${this.sandbox}/fs/move`, { json: { from, to } });
  }

  /** A file, or with `recursive` a folder and all in it. Not repeated. */
  async remove(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    await this.transport.done("DELETE", `${this.sandbox}/fs`, { query: { path, recursive: options.recursive || undefined }, idempotent: false });
  }

  /** `0o755` or `"0755"`. */
  async chmod(path: string, mode: number | string): Promise<void> {
    await this.transport.done("POST", `${this.sandbox}/fs/chmod`, { json: { path, mode }, idempotent: true });
  }

  /**
   * Unpacks a tar, or a gzip of one, below a folder, which is made; the sandbox's own tar does that, as its user and within its limits.
   * `BadRequestError` with code `"refused_entry"` (an absolute name, "..", a link that leads out, a device) or `"bad_archive"`; what came
   * before it stays. `NoSpaceError`.
   */
  async writeTar(path: string, archive: Uint8Array | ReadableStream<Uint8Array> | Blob, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.transport.done("PUT", `${this.sandbox}/fs/tar`, {
      query: { path },
      body: archive as RequestContent,
      signal: options.signal,
      idempotent: !(archive instanceof ReadableStream),
    });
  }

  /** A tar of what a folder contains, or of one file. A sandbox made it: unpack it as what a stranger sent. */
  async readTar(path: string, options: { gzip?: boolean; signal?: AbortSignal } = {}): Promise<ReadableStream<Uint8Array>> {
    const query = { path, gzip: options.gzip || undefined };
    const response = await this.transport.send("GET", `${this.sandbox}/fs/tar`, { query, signal: options.signal });
    return response.body ?? new Blob([]).stream();
  }

  /** Changes of a file, or in a folder. Once this returns nothing is missed; if it is, that is said (`"overflow"`). */
  watch(path: string, options: { recursive?: boolean; signal?: AbortSignal } = {}): Promise<Watch> {
    return Watch.begin(this.transport, this.sandbox, path, options.recursive ?? false, options.signal);
  }
}
