/** What comes over time: terminals, changes of files, events and logs, also over connections that break. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, ConflictError, type FileChange, NotFoundError, Sandbox, type SandboxEvent, type Terminal, TimeoutError } from "@brig/sdk";
import { eventually, text } from "./live.js";
import { cuttingProxy } from "./proxy.js";

/** What it shows from there on, up to and with the piece in which that is. */
async function readUntil(terminal: Terminal, wanted: string, from = 0): Promise<string> {
  let seen = "";
  for await (const data of terminal.read({ from })) {
    seen += text(data);
    if (seen.includes(wanted)) return seen;
  }
  throw new Error(`it ended without showing ${JSON.stringify(wanted)}: ${JSON.stringify(seen)}`);
}

test("a terminal has a size, colours, Ctrl-C and an exit code", async () => {
  await using sandbox = await Sandbox.create();
  const terminal = await sandbox.terminal(["bash", "--norc"], { rows: 30, columns: 90, env: { PS1: "ready> " } });
  assert.equal((await terminal.info()).terminal, true);
  const seen = await readUntil(terminal, "ready> ");
  await terminal.write("stty size; echo $TERM\r");
  assert.match(await readUntil(terminal, "256color\r\n", seen.length), /30 90\r\nxterm-256color\r\n/);
  await terminal.resize(50, 120);
  // Its own words tell that it is in front: what comes before is not its.
  await terminal.write("stty size; sh -c 'echo sl$((1))ep; exec sleep 600'\r");
  assert.match(await readUntil(terminal, "sl1ep"), /50 120/);
  await terminal.write("\x03");
  await terminal.write("exit 7\r");
  const result = await terminal.wait({ timeoutSeconds: 30 });
  assert.deepEqual([result.status, result.exitCode], ["error", 7]);
  await assert.rejects(terminal.write("x"), ConflictError);
  await assert.rejects(terminal.resize(1, 1), ConflictError);
});

test("what is typed arrives in order, awaited or not", async () => {
  await using sandbox = await Sandbox.create();
  const terminal = await sandbox.terminal("stty -echo -icanon; echo go; head -c 2000 | md5sum");
  await readUntil(terminal, "go\r\n");
  const typed = Array.from({ length: 500 }, (_, i) => `${1000 + i}`);
  await Promise.all(typed.map((word) => terminal.write(word)));
  const sum = (await sandbox.exec("md5sum", { stdin: typed.join("") })).stdout;
  assert.ok((await readUntil(terminal, "-\r\n")).includes(sum.trim()));
});

test("a terminal can be left and found again", async () => {
  await using sandbox = await Sandbox.create();
  const terminal = await sandbox.terminal("exec sh", { env: { PS1: "$ " } });
  const seen = await readUntil(terminal, "$ ");
  const found = (await Sandbox.connect(sandbox.id)).terminal({ id: terminal.id });
  await found.write("echo $((6 * 7))\r");
  assert.match(await readUntil(found, "42\r\n", seen.length), /42\r\n/);
  assert.ok((await readUntil(found, "42\r\n")).startsWith(seen)); // all that it has shown
  await assert.rejects(found.wait({ timeoutSeconds: 0.05 }), TimeoutError);
});

test("a terminal outlives broken connections", async () => {
  const proxy = await cuttingProxy(100_000);
  await using sandbox = await Sandbox.create();
  const terminal = await (await Sandbox.connect(sandbox.id, { apiUrl: proxy.url })).terminal("stty -opost; seq 100000");
  let seen = "";
  for await (const data of terminal.read()) seen += text(data);
  assert.equal(seen, Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join(""));
  assert.ok(proxy.seen.cuts > 1);
});

test("changes in a folder are told, from the moment that watch() returns", async () => {
  await using sandbox = await Sandbox.create();
  await sandbox.filesystem.makeDir("/workspace/d");
  const seen: FileChange[] = [];
  await using changes = await sandbox.filesystem.watch("/workspace/d", { recursive: true });
  await sandbox.exec("mkdir d/sub", { check: true });
  seen.push((await changes.next()).value!); // a new folder that is filled at once may be filled before it is watched
  await sandbox.exec("echo x > d/sub/f; mv d/sub/f d/g; rm d/g", { check: true });
  for await (const change of changes) {
    seen.push(change);
    if (change.type === "removed") break;
  }
  assert.deepEqual(seen[0], { type: "created", path: "/workspace/d/sub", isDirectory: true });
  assert.deepEqual(seen.filter(({ type }) => type === "moved"), [{ type: "moved", path: "/workspace/d/g", from: "/workspace/d/sub/f", isDirectory: false }]);
  assert.equal(seen.at(-1)!.path, "/workspace/d/g");
  await assert.rejects(sandbox.filesystem.watch("/workspace/none"), NotFoundError);
});

test("watching ends with the place, and says what it may have missed", async () => {
  const proxy = await cuttingProxy();
  await using sandbox = await Sandbox.create();
  const { filesystem } = sandbox;
  await filesystem.makeDir("/workspace/d");
  const changes = await (await Sandbox.connect(sandbox.id, { apiUrl: proxy.url })).filesystem.watch("/workspace/d");
  await filesystem.write("/workspace/d/first", "");
  assert.equal((await changes.next()).value!.path, "/workspace/d/first");
  proxy.cutAll();
  let after = (await changes.next()).value!;
  while (after.path === "/workspace/d/first") after = (await changes.next()).value!; // it was written and closed
  assert.deepEqual(after, { type: "overflow", path: "/workspace/d", isDirectory: true });
  await filesystem.remove("/workspace/d", { recursive: true });
  const last: FileChange[] = [];
  for await (const change of changes) last.push(change);
  assert.ok(last.some(({ type, path }) => type === "removed" && path === "/workspace/d/first"));
});

test("events from the oldest, and after one", async () => {
  const sandbox = await Sandbox.create();
  await sandbox.exec("exit 3");
  await sandbox.setTtl(200);
  await sandbox.kill();
  const seen: SandboxEvent[] = [];
  for await (const event of Sandbox.events({ sandboxId: sandbox.id, fromOldest: true })) {
    seen.push(event);
    if (event.type === "sandbox.ended") break;
  }
  assert.deepEqual(seen.map(({ type }) => type), ["sandbox.created", "command.ended", "sandbox.lifetime", "sandbox.ended"]);
  assert.deepEqual([seen[1]!.data["exit_code"], seen[3]!.data["reason"], seen[2]!.sandboxId], [3, "killed", sandbox.id]);
  const after = Sandbox.events({ sandboxId: sandbox.id, after: seen[1]!.id });
  assert.deepEqual((await after.next()).value, seen[2]);
  await after.return();
  await assert.rejects(Sandbox.events({ after: "nonsense" }).next(), BadRequestError);
});

test("events go on over connections that break, and say what they may have missed", async () => {
  const proxy = await cuttingProxy();
  await using sandbox = await Sandbox.create();
  const events = Sandbox.events({ sandboxId: sandbox.id, apiUrl: proxy.url });
  const first = events.next();
  await eventually(() => proxy.seen.answers > 0);
  const before = proxy.seen.connections;
  proxy.cutAll();
  await eventually(() => proxy.seen.connections > before);
  const answers = proxy.seen.answers;
  await eventually(() => proxy.seen.answers > answers || answers > 1);
  await sandbox.exec("exit 9");
  assert.equal((await first).value!.type, "events.lost");
  assert.equal((await events.next()).value!.data["exit_code"], 9);
  for (const code of [1, 2, 3]) {
    proxy.cutAll();
    await sandbox.exec(`exit ${code}`);
    assert.equal((await events.next()).value!.data["exit_code"], code);
  }
  await events.return();
});

test("logs: all that was printed, and what comes, over connections that break", async () => {
  const proxy = await cuttingProxy();
  const sandbox = await Sandbox.create();
  const lines = (await Sandbox.connect(sandbox.id, { apiUrl: proxy.url })).followLogs({ stream: "stdout" });
  let all = "";
  for (let number = 0; number < 4; ++number) {
    const { processId } = await sandbox.exec(`echo ${number}; echo not this >&2`);
    all += `${number}\n`;
    assert.deepEqual((await lines.next()).value, { text: `${number}\n`, stream: "stdout", processId });
    if (number < 3) proxy.cutAll();
  }
  assert.equal(await sandbox.logs({ stream: "stdout" }), all);
  assert.match(await sandbox.logs(), /not this/);
  await sandbox.kill();
  assert.deepEqual(await lines.next(), { value: undefined, done: true });
});
