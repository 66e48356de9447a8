import { Process } from "./process.js";

const encoder = new TextEncoder();

interface Batch {
  pieces: Uint8Array[];
  isSent: Promise<void>;
}

function joined(pieces: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/**
 * A command at a terminal. What it prints is in one stream, `"stdout"`.
 *
 * To leave, leave the loop over `read()`: the command goes on. To come back: `sandbox.terminal(id)`, and `read(offset)` from where you
 * were, or from 0 for all that it has shown. Output comes as a stream that is taken up where it broke, and input is sent in requests of its
 * own: it needs nothing but `fetch`, in every browser, in Node 18, and through whatever passes HTTP on.
 */
export class Terminal extends Process {
  private waiting: Batch | undefined;
  private last: Promise<void> = Promise.resolve();

  /**
   * What is typed, in the order of the calls, whether or not they are awaited: what comes while a request is under way goes along with the
   * next one. Resolves when the program's side has taken it. `"\x03"` is Ctrl-C, `"\x04"` the end of input. `ConflictError` if it has ended.
   */
  write(data: string | Uint8Array): Promise<void> {
    const piece = typeof data === "string" ? encoder.encode(data) : data;
    if (this.waiting) {
      this.waiting.pieces.push(piece);
      return this.waiting.isSent;
    }
    const pieces = [piece];
    const isSent = this.last.then(() => {
      this.waiting = undefined;
      return this.sendStdin(joined(pieces));
    });
    this.waiting = { pieces, isSent };
    this.last = isSent.catch(() => undefined);
    return isSent;
  }

  /** What it shows, from that byte on, as it comes and until the command ends. */
  async *read(options: { from?: number; signal?: AbortSignal } = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const given = options.signal ? { signal: options.signal } : {};
    for await (const chunk of this.output({ from: { stdout: options.from ?? 0 }, ...given })) yield chunk.data;
  }

  /** Tells the program of the window's size. `ConflictError` if it has ended. */
  async resize(rows: number, columns: number): Promise<void> {
    await this.transport.done("POST", `${this.path}/resize`, { json: { rows, cols: columns }, idempotent: true });
  }
}
