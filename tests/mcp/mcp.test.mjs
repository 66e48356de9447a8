/// The published clients of the Model Context Protocol against a daemon (BRIG_API_URL, BRIG_API_KEY) and against `brig mcp` (BRIG): the stable
/// SDK of the revisions with sessions, and the one of revision 2026-07-28, each over HTTP and over standard input and output.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client as NewClient, StreamableHTTPClientTransport as NewHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as NewStdio } from "@modelcontextprotocol/client/stdio";

const { BRIG, BRIG_API_URL, BRIG_API_KEY, PATH, HOME = "/root" } = process.env;
const endpoint = new URL("/mcp", BRIG_API_URL);
const headers = { Authorization: `Bearer ${BRIG_API_KEY}` };
const info = { name: "suite", version: "1" };
const program = { command: BRIG, args: ["mcp"], env: { BRIG_API_URL, BRIG_API_KEY, PATH, HOME } };
const newest = { versionNegotiation: { mode: { pin: "2026-07-28" } } };
const patience = 120_000;

const clients = [
  { name: "sessions over HTTP", make: () => [new OldClient(info), new OldHttp(endpoint, { requestInit: { headers } })], old: true },
  { name: "sessions over stdio", make: () => [new OldClient(info), new OldStdio(program)], old: true },
  { name: "2026-07-28 over HTTP", make: () => [new NewClient(info, newest), new NewHttp(endpoint, { requestInit: { headers } })], isStateless: true },
  { name: "2026-07-28 over stdio", make: () => [new NewClient(info, newest), new NewStdio(program)] },
];

const textOf = (result) => result.content.filter((one) => one.type === "text").map((one) => one.text).join("\n");

async function until(what, check) {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(100)) if (await check()) return;
  assert.fail(`it did not come to this: ${what}`);
}

for (const { name, make, old, isStateless } of clients) {
  describe(name, () => {
    let client, transport, sandbox;
    /// In the conversation's own sandbox; a client without one names that of its first call.
    const call = (tool, args = {}, options = {}) => {
      const all = { name: tool, arguments: sandbox && args.sandbox_id === undefined && !tool.startsWith("create") && !tool.startsWith("list_s") ? { ...args, sandbox_id: sandbox } : args };
      const settings = { timeout: patience, ...options };
      return old ? client.callTool(all, undefined, settings) : client.callTool(all, settings);
    };
    const said = async (tool, args, options) => textOf(await call(tool, args, options));

    before(async () => {
      [client, transport] = make();
      await client.connect(transport);
      if (!isStateless) return;
      const first = await said("run_code", { code: "1" });
      sandbox = /sandbox_id: (\S+)/.exec(first)?.[1];
      assert.ok(sandbox, first);
    });
    after(async () => {
      if (isStateless) await call("kill_sandbox");
      if (old && transport.terminateSession) await transport.terminateSession();
      await client.close();
    });

    test("says who it is and what it can do", async () => {
      assert.equal(client.getServerVersion()?.name, "brig");
      assert.match(client.getInstructions(), /no network/);
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name),
        ["run_code", "run_command", "read_file", "write_file", "list_files", "create_sandbox", "list_sandboxes", "kill_sandbox"]);
      for (const part of ["Network: none", "Memory:", "/workspace", "Languages:"]) assert.ok(tools[0].description.includes(part), part);
      assert.match(tools[0].description, /first and last half of 32K of each stream/); // what these tools show, not what a sandbox keeps
      assert.match(tools[0].description, /Languages: .*python.*\. No other is sure to be there\./);
      assert.deepEqual(tools[0].inputSchema.required, ["code"]);
    });

    test("calls that begin at once begin one sandbox and one interpreter", { skip: isStateless && "it has no sandbox of its own" }, async () => {
      await Promise.all([1, 2, 3].map((n) => call("run_code", { code: `n${n} = ${n}` })));
      assert.match(await said("run_code", { code: "n1 + n2 + n3" }), /6/);
      assert.equal((await said("list_sandboxes")).split("(this conversation's own)").length, 2);
    });

    test("plots are pictures", async (t) => {
      const drawn = await call("run_code", { code: "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()" });
      if (/No module named/.test(textOf(drawn))) return t.skip("this machine's Python has no matplotlib");
      assert.deepEqual(drawn.content.filter((one) => one.type === "image").map((one) => one.mimeType), ["image/png"]);
    });

    test("code keeps its state and shows what it prints and is", async () => {
      await call("run_code", { code: "x = 20" });
      const ran = await call("run_code", { code: "import sys\nprint('out')\nprint('err', file=sys.stderr)\nx + 22" });
      assert.equal(ran.isError, false);
      assert.equal(textOf(ran).trim(), "out\n[stderr]\nerr\n[result]\n42");
      assert.match(await said("run_code", { code: "y=5; echo $y", language: "bash" }), /5/);
      assert.match(await said("run_code", { code: "echo $y", language: "bash" }), /5/);
    });

    test("pictures are pictures", async () => {
      const code = "import base64\nclass P:\n  def _repr_png_(self): return base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')\n";
      const shown = await call("run_code", { code: `${code}display(P())\nP()` });
      const pictures = shown.content.filter((one) => one.type === "image");
      assert.deepEqual(pictures.map((one) => one.mimeType), ["image/png", "image/png"]);
      assert.ok(Buffer.from(pictures[0].data, "base64").subarray(1, 4).equals(Buffer.from("PNG")));
      const many = await call("run_code", { code: `${code}for _ in range(12): display(P())` });
      assert.equal(many.content.filter((one) => one.type === "image").length, 8);
      assert.match(textOf(many), /4 picture\(s\) left out/);
    });

    test("failures say what to change", async () => {
      const failed = await call("run_code", { code: "def f():\n  return 1 / 0\nf()" });
      assert.equal(failed.isError, true);
      assert.match(textOf(failed), /return 1 \/ 0[\s\S]*ZeroDivisionError: division by zero/);
      assert.match(await said("run_code", { code: "import no_such_module" }), /the template host has .*python3-no_such_module/);
      const late = await call("run_code", { code: "kept = 7\nwhile True: pass", timeout_seconds: 0.5 });
      assert.equal(late.isError, true);
      assert.match(textOf(late), /longer than 500ms and was interrupted. Variables are kept/);
      assert.match(await said("run_code", { code: "print(kept)" }), /7/);
      const dead = await call("run_code", { code: "import os; os._exit(3)" });
      assert.match(textOf(dead), /variables with it; files stay/);
      assert.match(await said("run_code", { code: "print('again')" }), /again/);
      const mistaken = await call("run_code", { cod: "1" });
      assert.equal(mistaken.isError, true);
      assert.match(textOf(mistaken), /arguments.*cod/);
      assert.match(await said("run_code", { code: "1", language: "cobol" }), /python/);
      assert.match(await said("run_code", { code: "1", sandbox_id: "sb_none" }), /there is no sandbox sb_none/);
      await assert.rejects(call("format_disk"), /Unknown tool/);
    });

    test("a long output is cut and says so", async () => {
      const text = await said("run_code", { code: "print('x' * 2_000_000)" });
      assert.ok(text.length < 40_000, String(text.length));
      assert.match(text, /bytes elided|left out/);
      assert.ok((await said("run_command", { command: "yes | head -c 2000000" })).length < 40_000);
    });

    test("commands", async () => {
      assert.equal((await said("run_command", { command: "echo $((6 * 7)); pwd" })).trim(), "42\n/workspace");
      const failed = await call("run_command", { command: "echo no >&2; exit 3", cwd: "/tmp" });
      assert.equal(failed.isError, true);
      assert.match(textOf(failed), /\[stderr\]\nno\nExit code: 3/);
      assert.match(await said("run_command", { command: "sleep 60", timeout_seconds: 0.5 }), /longer than 500ms and was ended/);
      assert.match(await said("run_command", { command: "cat < /dev/tcp/169.254.169.254/80 || echo closed" }), /closed/);
    });

    test("files", async () => {
      assert.match(await said("write_file", { path: "data/a.csv", content: "a,b\n1,2\n" }), /8 bytes to \/workspace\/data\/a.csv/);
      assert.equal((await said("read_file", { path: "/workspace/data/a.csv" })), "a,b\n1,2\n");
      assert.match(await said("read_file", { path: "data/a.csv", max_bytes: 3 }), /^a,b\n\[… more follows: of 8B?.*offset 3/);
      assert.equal(await said("read_file", { path: "data/a.csv", offset: 4 }), "1,2\n");
      assert.match(await said("list_files", { path: "data" }), /a.csv {2}\(8/);
      assert.match(await said("list_files", {}), /data\/ {2}\(folder\)/);
      const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      await call("write_file", { path: "p.png", content: png, encoding: "base64" });
      const picture = (await call("read_file", { path: "p.png" })).content.find((one) => one.type === "image");
      assert.deepEqual([picture.mimeType, picture.data], ["image/png", png]);
      await call("write_file", { path: "b", content: "AP//", encoding: "base64" });
      assert.match(await said("read_file", { path: "b" }), /is no text/);
      assert.match(await said("read_file", { path: "data" }), /is a folder: list_files/);
      assert.match(await said("read_file", { path: "nothing" }), /No such file/);
      const refused = await call("write_file", { path: "/usr/x", content: "" });
      assert.equal(refused.isError, true);
      assert.match(await said("read_file", { path: "../../etc/shadow" }), /arguments.path/);
    });

    test("sandboxes of their own", async () => {
      const made = await said("create_sandbox", { memory_mb: 128 });
      assert.match(made, /128M/);
      const other = /sandbox_id: (\S+)/.exec(made)[1];
      await call("run_code", { code: "mine = 1" });
      assert.match(await said("run_code", { code: "mine", sandbox_id: other }), /NameError/);
      assert.ok((await said("list_sandboxes")).includes(other));
      assert.match(await said("kill_sandbox", { sandbox_id: other }), /has ended/);
      assert.ok(!(await said("list_sandboxes")).includes(other));
      assert.match(await said("create_sandbox", { template: "nothing" }), /no template/);
    });

    test("what is cancelled stops and keeps its state", async () => {
      const stop = new AbortController();
      // Past the conversation: over standard input and output its calls wait for the one that runs.
      const own = sandbox ?? /sandbox_id: (\S+)[^\n]*\(this conversation's own\)/.exec(await said("list_sandboxes"))[1];
      const isThere = async (name) => (await fetch(new URL(`/v1/sandboxes/${own}/fs?path=/workspace/${name}`, BRIG_API_URL), { headers })).status === 200;
      const running = call("run_code", { code: "begun = 1\nopen('/workspace/begun', 'w').close()\nimport time\ntime.sleep(600)" }, { signal: stop.signal });
      running.catch(() => undefined);
      await until("the cell runs", () => isThere("begun"));
      stop.abort();
      await assert.rejects(running);
      assert.match(await said("run_code", { code: "print(begun)" }), /1/);
      const command = new AbortController();
      const sleeping = call("run_command", { command: "touch asleep; exec sleep 599" }, { signal: command.signal });
      sleeping.catch(() => undefined);
      await until("the command runs", () => isThere("asleep"));
      command.abort();
      await assert.rejects(sleeping);
      await until("it has gone", async () => !(await said("run_command", { command: "cat /proc/[0-9]*/cmdline | tr '\\0' ' '" })).includes("sleep 599 "));
    });

    test("what takes long shows signs of life", async () => {
      const seen = [];
      await call("run_code", { code: "import time; time.sleep(5)" }, { onprogress: (progress) => seen.push(progress) });
      assert.ok(seen.length > 0);
      assert.match(seen[0].message, /running for/);
    });
  });
}

async function post(body, more = {}) {
  const answer = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/json", ...headers, ...more }, body });
  return [answer.status, await answer.text()];
}

describe("bad input", () => {
  let session;
  before(async () => {
    const begin = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: info } };
    const answer = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(begin) });
    session = { "Mcp-Session-Id": answer.headers.get("mcp-session-id") };
  });
  after(async () => {
    assert.equal((await fetch(endpoint, { method: "DELETE", headers: { ...headers, ...session } })).status, 204);
    assert.equal((await fetch(new URL("/healthz", BRIG_API_URL))).status, 200);
  });

  test("is refused with a reason", async () => {
    const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
    const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_code","arguments":${"[".repeat(5000)}${"]".repeat(5000)}}}`;
    for (const [body, status, reason, more] of [
      ["", 400, /-32700/], ["{", 400, /-32700/], [deep, 400, /-32700/], ["\xff\xfe", 400, /-32/], ['"text"', 400, /-32600/], [`[${list}]`, 400, /batch/],
      ['{"jsonrpc":"2.0","id":{},"method":"tools/list"}', 400, /\$\.id/], ['{"jsonrpc":"2.0","id":1,"method":[]}', 400, /\$\.method/],
      ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}', 200, /\$\.params/],
      ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}', 200, /Unknown tool/],
      ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_code","arguments":"x"}}', 200, /isError":true/],
      ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_code","arguments":{"code":["x"]}}}', 200, /arguments.code/],
      ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a\\u0000b"}}}', 200, /NUL/],
      [list, 403, /may not ask/, { Origin: "https://evil.example" }], [list, 401, /key/, { Authorization: "Bearer brig_0000" }],
      [list, 404, /no such session/, { "Mcp-Session-Id": "mcp_00" }], [list, 400, /initialize/, { "Mcp-Session-Id": "" }],
      [list, 400, /not spoken/, { "MCP-Protocol-Version": "1999-01-01" }], [list, 415, /application\/json/, { "Content-Type": "text/plain" }],
      ["x".repeat(5 << 20), 413, /large|long|most/],
    ]) {
      const [got, text] = await post(body, { ...session, ...more });
      assert.equal(got, status, `${body.slice(0, 90)}: ${text}`);
      assert.match(text, reason);
    }
    assert.equal((await fetch(endpoint, { headers: { ...headers, ...session, Accept: "text/event-stream" } })).status, 405);
  });
});

/// `brig mcp`: lines in, lines out. Without a daemon that is named it has one of its own.
class Bridge {
  constructor(env = {}) {
    this.child = spawn(BRIG, ["mcp"], { env: { PATH, HOME, ...env }, stdio: ["pipe", "pipe", "inherit"] });
    this.ended = once(this.child, "exit");
    this.lines = [];
    this.rest = "";
    this.child.stdin.on("error", () => undefined);
    this.child.stdout.setEncoding("utf8").on("data", (piece) => {
      const all = (this.rest + piece).split("\n");
      this.rest = all.pop();
      this.lines.push(...all.map((line) => JSON.parse(line)));
    });
  }
  async ask(text) {
    const count = this.lines.length;
    this.child.stdin.write(`${text}\n`);
    await until("an answer", () => this.lines.length > count || this.child.exitCode !== null);
    return this.lines[count];
  }
}

const daemonsOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};
const lives = (pid) => {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

test("brig mcp goes on in a new session when the daemon has forgotten its own", async () => {
  const begin = (id) => JSON.stringify({ jsonrpc: "2.0", id, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: info } });
  const bridge = new Bridge({ BRIG_API_URL, BRIG_API_KEY });
  assert.equal((await bridge.ask(begin(1))).result.serverInfo.name, "brig");
  const sessions = [];
  try {
    for (let n = 0; n < 64; ++n) { // as many as a key has: the bridge's was unused for longest
      const answer = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: begin(1) });
      assert.equal(answer.status, 200);
      sessions.push(answer.headers.get("mcp-session-id"));
    }
    const asked = Array.from({ length: 8 }, (_, n) => `${JSON.stringify({ jsonrpc: "2.0", id: 100 + n, method: "tools/list" })}\n`);
    bridge.child.stdin.write(asked.join(""));
    await until("eight answers", () => bridge.lines.length === 9);
    assert.deepEqual(bridge.lines.slice(1).filter((line) => line.result?.tools?.length !== 8), []);
    // One for all eight: those that were opened before it are there but for one.
    const left = [];
    for (const session of sessions) {
      const list = { method: "POST", headers: { "Content-Type": "application/json", ...headers, "Mcp-Session-Id": session }, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
      left.push((await fetch(endpoint, list)).status);
    }
    assert.deepEqual(left, [404, ...Array(63).fill(200)]);
  } finally {
    for (const session of sessions) await fetch(endpoint, { method: "DELETE", headers: { ...headers, "Mcp-Session-Id": session } });
    bridge.child.stdin.end();
  }
  assert.deepEqual(await bridge.ended, [0, null]);
});

describe("brig mcp with a daemon of its own", () => {
  const begin = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}';
  const run = (id, code) => JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "run_code", arguments: { code } } });

  test("works, lives through nonsense, and leaves nothing", async () => {
    const bridge = new Bridge();
    assert.equal((await bridge.ask(begin)).result.serverInfo.name, "brig");
    assert.equal((await bridge.ask("nonsense")).error.code, -32700);
    assert.equal((await bridge.ask("x".repeat(5 << 20))).error.code, -32700);
    assert.match((await bridge.ask(run(2, "print('hel' + 'lo')"))).result.content[0].text, /hello/);
    const children = daemonsOf(bridge.child.pid);
    assert.ok(children.length > 0);
    bridge.child.stdin.end();
    assert.deepEqual(await bridge.ended, [0, null]);
    assert.deepEqual(children.filter(lives), []);
  });

  test("makes calls in the order of their lines, whatever waits", async () => {
    const bridge = new Bridge();
    await bridge.ask(begin);
    const lines = ["order = []", ...[1, 2, 3, 4].map((n) => `order.append(${n})`), "print(order)"].map((code, n) => run(10 + n, code));
    bridge.child.stdin.write(`${lines.join("\n")}\n`);
    await until("six answers", () => bridge.lines.length === 7);
    assert.deepEqual(bridge.lines.slice(1).map((line) => line.id), [10, 11, 12, 13, 14, 15]);
    assert.match(bridge.lines[6].result.content[0].text, /\[1, 2, 3, 4\]/);

    // A ping and the end of calls pass those that wait; one that was cancelled while it waited is never made.
    const cancel = (id) => JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
    const sleeping = { name: "run_code", arguments: { code: "import time\ntime.sleep(600)" }, _meta: { progressToken: 20 } };
    const long = JSON.stringify({ jsonrpc: "2.0", id: 20, method: "tools/call", params: sleeping });
    bridge.child.stdin.write(`${[long, run(21, "order.append(21)"), run(22, "print(order)"), cancel(21), '{"jsonrpc":"2.0","id":23,"method":"ping"}'].join("\n")}\n`);
    const idsFrom = (place) => bridge.lines.slice(place).map((line) => line.id).filter((id) => id !== undefined);
    await until("the ping's answer", () => idsFrom(7).length > 0);
    await until("a sign of life of the call", () => bridge.lines.some((line) => line.method === "notifications/progress"));
    assert.deepEqual(idsFrom(7), [23]);
    bridge.child.stdin.write(`${cancel(20)}\n`);
    await until("an answer to the last", () => bridge.lines.some((line) => line.id === 22));
    const told = bridge.lines.find((line) => line.id === 22).result.content[0].text;
    assert.match(told, /\[1, 2, 3, 4\]/);
    assert.deepEqual(idsFrom(7).filter((id) => id !== 20), [23, 22]);
    bridge.child.stdin.end();
    assert.deepEqual(await bridge.ended, [0, null]);
  });

  test("makes calls side by side that need not wait for each other", async () => {
    const bridge = new Bridge();
    await bridge.ask(begin);
    const call = (id, name, args) => JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } });
    const answer = (id) => bridge.lines.find((line) => line.id === id)?.result.content[0].text;
    // The first ends only by what the third does, and the second waits for the first's interpreter.
    const lines = [run(10, "import os, time\nwhile not os.path.exists('/workspace/go'): time.sleep(0.01)\nx = 'gone'"), run(11, "print(x)"),
      call(12, "run_command", { command: "test ! -e go && touch go && echo touched" })];
    bridge.child.stdin.write(`${lines.join("\n")}\n`);
    await until("three answers", () => bridge.lines.length === 4);
    assert.match(answer(12), /touched/);
    assert.match(answer(11), /gone/);
    // What comes after a file is written finds it.
    bridge.child.stdin.write(`${[call(20, "write_file", { path: "/workspace/f", content: "written" }), call(21, "run_command", { command: "cat f" }), call(22, "read_file", { path: "/workspace/f" })].join("\n")}\n`);
    await until("three more", () => bridge.lines.length === 7);
    assert.match(answer(21), /written/);
    assert.match(answer(22), /written/);
    bridge.child.stdin.end();
    assert.deepEqual(await bridge.ended, [0, null]);
  });

  test("answers what a pipe asks before it ends", async () => {
    const bridge = new Bridge();
    bridge.child.stdin.end(`${begin}\n`);
    assert.deepEqual(await bridge.ended, [0, null]);
    assert.equal(bridge.lines.length, 1);
  });

  test("takes its daemon along when it is killed", async () => {
    const place = mkdtempSync(join(tmpdir(), "mcp-test-"));
    chmodSync(place, 0o711); // the daemon is somebody else, and goes through it
    try {
      const bridge = new Bridge({ TMPDIR: place });
      await bridge.ask(begin);
      const children = daemonsOf(bridge.child.pid);
      assert.ok(children.length > 0);
      assert.deepEqual(readdirSync(place).map((name) => name.slice(0, 9)), ["brig-mcp-"]);
      bridge.child.kill("SIGKILL");
      await bridge.ended;
      await until("its daemon is gone", () => !children.some(lives));
      assert.deepEqual(readdirSync(place), [], "and its folder with it");
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});
