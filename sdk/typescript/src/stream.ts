/// What comes over time, from however many connections that takes.
import { NetworkError } from "./errors.js";
import { readEvents, type ServerEvent } from "./events.js";
import { pause, sleep } from "./transport.js";

/** Connections in a row that may bring nothing before we give up. */
const fruitlessMost = 5;

/** A stream of items, and where its reader stands. */
export interface Source<T> {
  /** For messages: "the stream of events". */
  readonly what: string;
  /** Another connection, which goes on where the last one broke. */
  open(): Promise<Response>;
  /** What one event means: items, and whether the connection has proved good. A comment has no name. */
  take(event: ServerEvent): { items?: readonly T[]; isProgress?: boolean; isOver?: boolean };
  /** A connection that ends well is the end of the stream. */
  readonly endsWithConnection?: boolean;
  /** Whether another connection can go on; default: it can. */
  mayGoOn?(): boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The items up to the end. A connection that breaks is replaced by one that goes on where it broke. */
export async function* read<T>(source: Source<T>): AsyncGenerator<T, void, undefined> {
  for (let fruitless = 0; ; ) {
    let cause: unknown;
    try {
      const response = await source.open();
      for await (const event of readEvents(response.body as ReadableStream<Uint8Array>)) {
        const { items = [], isProgress = items.length > 0, isOver = false } = source.take(event);
        if (isProgress) fruitless = 0;
        yield* items;
        if (isOver) return;
      }
      if (source.endsWithConnection) return;
    } catch (error) {
      source.signal?.throwIfAborted();
      if (!isBroken(error)) throw error;
      cause = error;
    }
    if (!(source.mayGoOn?.() ?? true) || ++fruitless >= fruitlessMost)
      throw new NetworkError(`${source.what} broke and could not be taken up again`, { cause });
    await sleep(pause(Math.min(fruitless - 1, 2)), source.signal);
  }
}

/** What `fetch` and its streams throw when a connection breaks, rather than a mistake in a callback. */
function isBroken(error: unknown): boolean {
  return error instanceof NetworkError || error instanceof TypeError || (error as { code?: string })?.code === "UND_ERR_SOCKET";
}
