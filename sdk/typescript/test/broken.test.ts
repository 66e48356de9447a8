/** What this client does when connections break: a proxy that cuts them, and a server that does as it is told. */
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { NetworkError, Sandbox, UnavailableError } from "@brig/sdk";
import { cuttingProxy, listening } from "./proxy.js";

test("output goes on where a connection broke: nothing is lost, nothing comes twice", async () => {
  const proxy = await cuttingProxy(4000);
  await using sandbox = await Sandbox.create();
  const same = await Sandbox.connect(sandbox.id, { apiUrl: proxy.url });
  let told = "";
  const result = await same.exec("for i in $(seq 40); do seq -s ' ' $((i * 20)) $((i * 20 + 19)); echo e$i >&2; sleep 0.01; done", {
    onStdout: (text) => (told += text),
  });
  const direct = await (await Sandbox.connect(sandbox.id)).process(result.processId).wait();
  assert.equal(result.status, "ok");
  assert.equal(told, direct.stdout);
  assert.equal(result.stdout, direct.stdout);
  assert.equal(result.stderr, direct.stderr);
  assert.ok(proxy.seen.cuts >= 2, `only ${proxy.seen.cuts} cuts: this test tests nothing`);
  assert.equal((await sandbox.processes()).length, 1); // it ran once
});

test("a stream that never brings anything is given up", async () => {
  let streams = 0;
  const server = await scripted(made, (_, response) => {
    ++streams;
    response.writeHead(200, { "Content-Type": "text/event-stream" }).write('event: start\ndata: {"id": "1"}\n\n', () => response.destroy());
  });
  const sandbox = await Sandbox.create({ apiUrl: server.url });
  await assert.rejects(sandbox.process("1").output().next(), NetworkError);
  assert.ok(streams > 1);
});

type Act = (request: http.IncomingMessage, response: http.ServerResponse) => void;
/** Answers each request with the next act, the last one for ever; keeps what was asked. */
async function scripted(...acts: Act[]) {
  const asked: { what: string; key: string | undefined }[] = [];
  const server = http.createServer((request, response) => {
    request.resume();
    asked.push({ what: `${request.method} ${request.url}`, key: request.headers["idempotency-key"] as string | undefined });
    (acts.length > 1 ? acts.shift()! : acts[0]!)(request, response);
  });
  return { url: await listening(server), asked };
}
const answer = (status: number, body: unknown): Act => (_, response) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
const drop: Act = (request) => request.socket.destroy();
const made = answer(201, { id: "abc", limits: { output_bytes: 100 } });
const busy = answer(503, { error: "no room", code: "unavailable", request_id: "r" });

test("a creation is repeated under one key", async () => {
  const server = await scripted(drop, busy, answer(409, { error: "is being worked on", code: "conflict" }), made);
  assert.equal((await Sandbox.create({ apiUrl: server.url })).id, "abc");
  assert.equal(server.asked.length, 4);
  assert.equal(new Set(server.asked.map(({ key }) => key)).size, 1);
  assert.match(server.asked[0]!.key!, /^[0-9a-z-]{20,36}$/);
});

test("repetitions are bounded, and can be turned off", async () => {
  const server = await scripted(busy);
  await assert.rejects(Sandbox.create({ apiUrl: server.url, retries: 1 }), UnavailableError);
  assert.equal(server.asked.length, 2);
  await assert.rejects(Sandbox.create({ apiUrl: server.url, retries: 0 }), UnavailableError);
  assert.equal(server.asked.length, 3);
});

test("a command is never sent twice", async () => {
  for (const trouble of [drop, busy]) {
    const server = await scripted(made, trouble);
    const sandbox = await Sandbox.create({ apiUrl: server.url });
    await assert.rejects(sandbox.exec("rm -rf /"), trouble === drop ? NetworkError : UnavailableError);
    await assert.rejects(sandbox.exec("rm -rf /", { background: true }));
    await assert.rejects(sandbox.filesystem.move("/a", "/b"));
    assert.deepEqual(server.asked.map(({ what }) => what).slice(1), ["POST /v1/sandboxes/abc/exec/stream", "POST /v1/sandboxes/abc/exec", "POST /v1/sandboxes/abc/fs/move"]);
  }
});

test("reading is repeated", async () => {
  const server = await scripted(made, drop, busy, answer(200, { entries: [] }));
  const sandbox = await Sandbox.create({ apiUrl: server.url });
  assert.deepEqual(await sandbox.filesystem.list("/"), []);
  assert.equal(server.asked.length, 4);
});

test("an answer that is not the daemon's is an error with what it says", async () => {
  const server = await scripted((_, response) => response.writeHead(418).end("<h1>teapot</h1>"));
  await assert.rejects(Sandbox.create({ apiUrl: server.url }), { message: "<h1>teapot</h1>", status: 418 });
});
