/** Servers for tests: one that stands between a client and the daemon and cuts connections. */
import net from "node:net";
import { after } from "node:test";

export async function listening(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

/** To the daemon; ends each connection after so many bytes of answers, and all of them when told to. */
export async function cuttingProxy(most = Infinity) {
  const daemon = new URL(process.env["BRIG_API_URL"]!);
  const seen = { connections: 0, cuts: 0, answers: 0 };
  const clients = new Set<net.Socket>();
  const server = net.createServer((client) => {
    ++seen.connections;
    clients.add(client);
    const upstream = net.connect(Number(daemon.port), daemon.hostname);
    let left = most;
    upstream.on("data", (bytes) => {
      client.write(left === Infinity ? bytes : bytes.subarray(0, left));
      ++seen.answers;
      left -= bytes.length;
      if (left > 0) return;
      ++seen.cuts;
      client.end();
      upstream.destroy();
    });
    client.on("data", (bytes) => upstream.write(bytes));
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        clients.delete(client);
        other.destroy();
      });
    }
  });
  const cutAll = () => {
    for (const client of clients) client.destroy();
  };
  return { url: await listening(server), seen, cutAll };
}
