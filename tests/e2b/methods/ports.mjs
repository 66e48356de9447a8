/// Servers inside, by host name.
import assert from "node:assert/strict";
import http from "node:http";
import { row } from "../methods.mjs";

export const title = "Ports";
export const order = 7;

/// GET by a host name that not every resolver knows.
const visit = (t, host, headers = {}) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(t.apiUrl);
    const get = http.get({ hostname, port, path: "/", headers: { host, ...headers } }, (answer) => {
      let body = "";
      answer.on("data", (piece) => (body += piece));
      answer.on("end", () => resolve({ status: answer.statusCode, body }));
    });
    get.on("error", reject);
  });

/// A server inside that says what it was asked; returns when it listens.
const serve = async (box, port) => {
  await box.files.write("serve.py", `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("Host: " + self.headers["Host"] + "\\nX-Forwarded-Host: " + self.headers["X-Forwarded-Host"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", ${port}), Handler).serve_forever()
`);
  await box.commands.run("python3 serve.py", { background: true });
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  await box.commands.run(`until grep -q ':${hex} .* 0A ' /proc/net/tcp; do sleep 0.05; done`);
};

export const methods = [
  row("sandbox.getHost", "GET / at {port}-{id}.DOMAIN", async (t) => {
    const host = t.box.getHost(3000);
    assert.match(host, new RegExp(`^3000-${t.box.sandboxId}\\.localhost`));
    const closed = await visit(t, host);
    assert.equal(closed.status, 502);
    assert.match(closed.body, /port is not open/);
    await serve(t.box, 3000);
    assert.equal((await visit(t, host)).status, 200);
    return "Without TLS the scheme is `http`; `--tls-domain` says where there is TLS.";
  }),
  row("Sandbox.create({network: {allowPublicTraffic: false}})", "GET / at {port}-{id}.DOMAIN", async (t) => {
    const box = await t.make("base", { network: { allowPublicTraffic: false } });
    assert.ok(box.trafficAccessToken);
    await serve(box, 3000);
    const host = box.getHost(3000);
    assert.equal((await visit(t, host)).status, 403);
    assert.equal((await visit(t, host, { "e2b-traffic-access-token": "0" })).status, 403);
    assert.equal((await visit(t, host, { "e2b-traffic-access-token": box.trafficAccessToken })).status, 200);
  }),
  row("Sandbox.create({network: {maskRequestHost}})", "GET / at {port}-{id}.DOMAIN", async (t) => {
    const box = await t.make("base", { network: { maskRequestHost: "custom.example:${PORT}" } });
    await serve(box, 3001);
    const host = box.getHost(3001);
    assert.equal((await visit(t, host)).body, `Host: custom.example:3001\nX-Forwarded-Host: ${host}`);
  }),
  row("Sandbox.create({network: {httpsPorts}})", "POST /v2/sandboxes", async (t) => {
    const error = await t.make("base", { network: { httpsPorts: [8443] } }).then(() => assert.fail("it was not refused"), (error) => error);
    assert.match(error.message, /without TLS/);
    return "Refused: servers inside are spoken to without TLS.";
  }),
];
