/// Server-sent events, read from the body of an answer.

export interface ServerEvent {
  name: string;
  data: string;
  id: string;
}

/** Yields each event that is complete; a comment is one without a name. Ends, or fails, as the body does; whoever stops early lets the connection go. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let event: ServerEvent = { name: "", data: "", id: "" };
  let hasData = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const text of lines) {
        const line = text.endsWith("\r") ? text.slice(0, -1) : text;
        if (line === "") {
          if (hasData) yield event;
          event = { name: "", data: "", id: "" };
          hasData = false;
          continue;
        }
        const colon = line.indexOf(":");
        if (colon === 0) yield { name: "", data: "", id: "" };
        if (colon <= 0) continue; // a field without a value
        const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
        switch (line.slice(0, colon)) {
          case "event":
            event.name = value;
            break;
          case "id":
            event.id = value;
            break;
          case "data":
            event.data = hasData ? `${event.data}\n${value}` : value;
            hasData = true;
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
