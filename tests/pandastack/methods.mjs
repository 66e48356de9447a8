/// What each method of PandaStack's client in scope is expected to do, as a check that can fail.
///
/// A check gets a context (`t.client`, `t.box`: a sandbox for all rows, `t.make(options)`: one of its own, `t.folder` on this machine) and returns
/// nothing if the method does what PandaStack documents, or a sentence that says how it differs; what of that can be seen from here is
/// asserted. A refusal is not written here: it is what the daemon answers (501).
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import { join } from "node:path";
import { AuthError, BadRequestError, Client, CommandError, NotFoundError, Sandbox, SandboxTimeout } from "@pandastack/sdk";

const collect = async (lines) => {
  const all = [];
  for await (const line of lines) all.push(line);
  return all;
};

/// A tar of one file.
function tarOf(name, text) {
  const header = Buffer.alloc(512);
  const put = (at, value) => header.write(value, at, "latin1");
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, text.length.toString(8).padStart(11, "0") + "\0");
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, "0");
  put(257, "ustar\0" + "00");
  put(148, header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ");
  const contents = Buffer.alloc(512);
  contents.write(text);
  return new Uint8Array(Buffer.concat([header, contents, Buffer.alloc(1024)]));
}

/// GET through a preview URL, whose host not every resolver knows.
const visit = (client, url, more = {}) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(client.apiUrl);
    const get = http.get({ hostname, port, path: "/", headers: { host: new URL(url).host, ...more } }, (answer) => {
      let body = "";
      answer.on("data", (piece) => (body += piece));
      answer.on("end", () => resolve({ status: answer.statusCode, body }));
    });
    get.on("error", reject);
  });

/// A web server inside, of /workspace; returns when it listens.
const serve = (box, port) =>
  box.exec(`(python3 -m http.server ${port} >/dev/null 2>&1 &); until grep -q ':${port.toString(16).toUpperCase()} .* 0A ' /proc/net/tcp; do sleep 0.05; done`, {
    check: true,
  });

/// A list in which what `make` makes shows up; always empty, and said so, where that is refused.
async function listed(list, make, what) {
  const before = await list();
  assert.ok(Array.isArray(before));
  try {
    const made = await make();
    assert.ok((await list()).some((one) => (one.id ?? one.name) === (made.id ?? made.name)));
  } catch (error) {
    if (error.statusCode !== 501) throw error;
    assert.deepEqual(before, []);
    return `Always empty: there are no ${what}.`;
  }
}

const row = (method, route, check) => ({ method, route, check });

export const methods = [
  row("Sandbox.create", "POST /v1/sandboxes", async (t) => {
    const box = await Sandbox.create({ ttlSeconds: 60, metadata: { task: "7" } }, t.client);
    try {
      assert.match(box.id, /^[a-z0-9]+$/);
      assert.equal(box.status, "running");
      assert.equal(box.info.metadata.task, "7");
      assert.ok(box.info.cpu > 0 && box.info.memory_mb > 0);
      assert.ok(["pool", "cold"].includes(box.info.boot_mode));
      assert.equal((await box.lifecycle()).ttl_seconds, 60);
      // The client's default template is the only one there is here.
      assert.equal(box.template, "host");
      await assert.rejects(Sandbox.create({ template: "nonsense" }, t.client), NotFoundError);
    } finally {
      await box.kill();
    }
    return 'The client\'s default template, `ubuntu-24.04`, means `host`, this machine\'s own programs, unless a template of that name was made there. No `guest_ip`, `mac`, `vsock_cid`.';
  }),
  row("client.sandboxes.create", "POST /v1/sandboxes", async (t) => {
    const box = await t.client.sandboxes.create({ template: "host", persistent: true });
    assert.equal((await box.lifecycle()).persistent, true);
    await box.kill();
  }),
  row("Sandbox.create({volumes})", "POST /v1/sandboxes", async (t) => {
    await t.client.volumes.create({ name: "cache", size_mb: 16 });
    const box = await t.make({ volumes: [{ name: "cache" }] });
    assert.equal(box.status, "running");
  }),
  row("Sandbox.create({fromSnapshot})", "POST /v1/sandboxes", async (t) => {
    await t.box.filesystem.write("/workspace/kept.txt", "kept");
    const snapshot = await t.box.snapshot();
    const box = await t.make({ fromSnapshot: snapshot.id });
    assert.equal(await box.filesystem.read("/workspace/kept.txt"), "kept");
  }),
  row("Sandbox.list", "GET /v1/sandboxes", async (t) => {
    const made = await Promise.all(Array.from({ length: 4 }, () => t.make()));
    const ids = (await Sandbox.list(t.client)).map((box) => box.id);
    for (const box of [t.box, ...made]) assert.ok(ids.includes(box.id));
  }),
  row("Sandbox.get", "GET /v1/sandboxes/{id}", async (t) => {
    assert.equal((await Sandbox.get(t.box.id, t.client)).id, t.box.id);
    await assert.rejects(Sandbox.get("nonsense", t.client), NotFoundError);
    await assert.rejects(Sandbox.get(t.box.id, { apiUrl: t.client.apiUrl, apiKey: `pds_${"0".repeat(40)}` }), AuthError);
  }),
  row("Sandbox.fromInfo", "none", async (t) => {
    assert.equal(Sandbox.fromInfo(t.box.info, t.client).id, t.box.id);
  }),
  row("client.sandboxes.list", "GET /v1/sandboxes", async (t) => {
    assert.ok((await t.client.sandboxes.list()).some((box) => box.id === t.box.id));
  }),
  row("client.sandboxes.get", "GET /v1/sandboxes/{id}", async (t) => {
    assert.equal((await t.client.sandboxes.get(t.box.id)).status, "running");
  }),
  row("client.sandboxes.delete", "DELETE /v1/sandboxes/{id}", async (t) => {
    const box = await t.make();
    await t.client.sandboxes.delete(box.id);
    await assert.rejects(t.client.sandboxes.get(box.id), NotFoundError);
  }),
  row("sandbox.kill", "DELETE /v1/sandboxes/{id}", async (t) => {
    const box = await t.make();
    await box.kill();
    await assert.rejects(box.exec("true"), NotFoundError);
  }),
  row("sandbox[Symbol.asyncDispose]", "DELETE /v1/sandboxes/{id}", async (t) => {
    const box = await t.make();
    await box[Symbol.asyncDispose]();
    await assert.rejects(t.client.sandboxes.get(box.id), NotFoundError);
  }),
  row("sandbox.exec", "POST /v1/sandboxes/{id}/exec", async (t) => {
    const result = await t.box.exec("echo out; echo err >&2; exit 3");
    assert.deepEqual([result.stdout, result.stderr, result.exitCode, result.exit_code], ["out\n", "err\n", 3, 3]);
    assert.equal(typeof result.duration_ms, "number");
    await assert.rejects(t.box.exec("exit 4", { check: true }), (e) => e instanceof CommandError && e.exitCode === 4);
    await assert.rejects(t.box.exec("sleep 60", { timeoutSeconds: 0.2 }), SandboxTimeout);
    await assert.rejects(t.box.exec("true\0false"), BadRequestError);
    assert.equal((await t.box.exec("id -un")).stdout, "user\n");
    return "Programs run as `user`, not as root, in `/workspace`.";
  }),
  row("sandbox.commands.run", "POST /v1/sandboxes/{id}/exec", async (t) => {
    assert.equal((await t.box.commands.run("echo $((6 * 7))")).stdout, "42\n");
  }),
  row("sandbox.runCode", "POST /v1/sandboxes/{id}/exec", async (t) => {
    assert.equal((await t.box.runCode("print('é' * 3)", "python")).stdout, "ééé\n");
    assert.equal((await t.box.runCode("echo shell")).stdout, "shell\n");
  }),
  row("sandbox.execStream", "POST /v1/sandboxes/{id}/exec/stream", async (t) => {
    const out = [], err = [];
    const code = await t.box.execStream("echo one; sleep 0.1; echo two >&2; printf 'thr€€'; exit 5", {
      onStdout: (chunk) => out.push(chunk),
      onStderr: (chunk) => err.push(chunk),
    });
    assert.deepEqual([code, out.join(""), err.join("")], [5, "one\nthr€€", "two\n"]);
    await assert.rejects(t.box.execStream("sleep 60", { timeoutSeconds: 0.2 }), SandboxTimeout);
  }),
  row("sandbox.createCodeContext", "POST /v1/sandboxes/{id}/repl/sessions", async (t) => {
    const context = await t.box.createCodeContext("python");
    assert.ok(context.id);
    await context.close();
  }),
  row("codeContext.runCode", "POST /v1/sandboxes/{id}/repl/sessions/{session}/run", async (t) => {
    const context = await t.box.createCodeContext("python");
    await context.runCode("x = 20");
    const execution = await context.runCode("print('printed'); x + 22");
    assert.deepEqual([execution.stdout, execution.text], ["printed\n", "42"]);
    assert.match((await context.runCode("1/0")).error, /ZeroDivisionError/);
    await context.close();
  }),
  row("codeContext.close", "DELETE /v1/sandboxes/{id}/repl/sessions/{session}", async (t) => {
    const context = await t.box.createCodeContext("python");
    await context.close(); // never fails: the client keeps errors of it to itself
    await assert.rejects(context.runCode("1"), NotFoundError);
  }),
  row("codeContext[Symbol.asyncDispose]", "DELETE /v1/sandboxes/{id}/repl/sessions/{session}", async (t) => {
    const context = await t.box.createCodeContext("python");
    await context[Symbol.asyncDispose]();
    await assert.rejects(context.runCode("1"), NotFoundError);
  }),
  row("sandbox.logs", "GET /v1/sandboxes/{id}/logs", async (t) => {
    const box = await t.make();
    await box.exec("echo one; echo two >&2");
    assert.deepEqual((await collect(box.logs())).sort(), ["one", "two"]);
    assert.deepEqual(await collect(box.logs({ stream: "stderr" })), ["two"]);
    assert.deepEqual(await collect(box.logs({ stream: "stdout", follow: false })), ["one"]);
    return "What the commands of this sandbox printed; there is no console of a machine.";
  }),
  row("sandbox.logs({follow})", "GET /v1/sandboxes/{id}/logs?follow=1", async (t) => {
    const box = await t.make();
    await box.exec("echo before");
    const seen = [];
    for await (const line of box.logs({ follow: true, stream: "both" })) {
      seen.push(line);
      if (line === "before") await box.exec("echo after");
      if (line === "after") await box.kill(); // and the stream ends
    }
    assert.deepEqual(seen, ["before", "after"]);
  }),
  row("sandbox.pause", "POST /v1/sandboxes/{id}/pause", async (t) => {
    const box = await t.make();
    await box.pause();
    assert.equal((await Sandbox.get(box.id, t.client)).status, "paused");
    await assert.rejects(box.exec("true"), BadRequestError);
  }),
  row("sandbox.resume", "POST /v1/sandboxes/{id}/resume", async (t) => {
    const box = await t.make();
    await box.pause();
    await box.resume();
    assert.equal((await box.exec("echo back")).stdout, "back\n");
  }),
  row("sandbox.hibernate", "POST /v1/sandboxes/{id}/hibernate", async (t) => {
    const box = await t.make({ persistent: true });
    await box.exec("echo kept > kept.txt");
    await box.hibernate();
    assert.equal((await Sandbox.get(box.id, t.client)).status, "hibernated");
    assert.equal(await box.filesystem.read("/workspace/kept.txt"), "kept\n"); // any use wakes it
    assert.equal((await Sandbox.get(box.id, t.client)).status, "running");
    await box.hibernate();
    assert.equal((await box.exec("cat kept.txt")).stdout, "kept\n");
    return "It is frozen and uses no processor; its memory stays where it is. Deadlines go on. Nothing hibernates by itself.";
  }),
  row("sandbox.wake", "POST /v1/sandboxes/{id}/wake", async (t) => {
    const box = await t.make();
    await box.hibernate();
    await box.wake();
    await box.wake();
    assert.equal((await Sandbox.get(box.id, t.client)).status, "running");
  }),
  row("sandbox.snapshot", "POST /v1/sandboxes/{id}/snapshots", async (t) => {
    const snapshot = await t.box.snapshot();
    assert.ok(snapshot.id);
    assert.equal(snapshot.sandbox_id, t.box.id);
    await t.client.snapshots.delete(snapshot.id);
    return "It keeps files (/workspace, /home/user, /tmp), no memory and no programs: `memory: false`.";
  }),
  row("client.snapshots.list", "GET /v1/snapshots", async (t) => {
    assert.deepEqual(await t.client.snapshots.list({ sandbox_id: "nonsense" }), []);
    return listed(() => t.client.snapshots.list(), () => t.box.snapshot(), "snapshots");
  }),
  row("client.snapshots.get", "GET /v1/snapshots/{id}", async (t) => {
    await assert.rejects(t.client.snapshots.get("nonsense"), NotFoundError);
    const snapshot = await t.box.snapshot();
    assert.equal((await t.client.snapshots.get(snapshot.id)).id, snapshot.id);
  }),
  row("client.snapshots.delete", "DELETE /v1/snapshots/{id}", async (t) => {
    await assert.rejects(t.client.snapshots.delete("nonsense"), NotFoundError);
    const snapshot = await t.box.snapshot();
    await t.client.snapshots.delete(snapshot.id);
    await assert.rejects(t.client.snapshots.get(snapshot.id), NotFoundError);
  }),
  row("sandbox.fork", "POST /v1/sandboxes/{id}/fork", async (t) => {
    const box = await t.make();
    await box.filesystem.write("/workspace/shared.txt", "both");
    const child = await box.fork({ metadata: { branch: "a" } });
    assert.notEqual(child.id, box.id);
    assert.equal(await child.filesystem.read("/workspace/shared.txt"), "both");
    await child.filesystem.write("/workspace/shared.txt", "child");
    assert.equal(await box.filesystem.read("/workspace/shared.txt"), "both");
    await child.kill();
    return "The child has a copy of the files, and no program runs in it.";
  }),
  row("sandbox.forkTree", "POST /v1/sandboxes/{id}/fork-tree", async (t) => {
    const box = await t.make();
    const children = await box.forkTree({ count: 3 });
    assert.equal(new Set(children.map((child) => child.id)).size, 3);
    assert.ok(children.every((child) => child.info.metadata.fork_tree_id));
    for (const child of children) await child.kill();
    return "The children have a copy of the files, and no program runs in them.";
  }),
  row("sandbox.promote", "POST /v1/sandboxes/{id}/promote", async (t) => {
    const box = await t.make();
    const [winner, loser] = await box.forkTree({ count: 2 });
    const promoted = await winner.promote({ cleanupSiblings: true });
    assert.equal(promoted.winner, winner.id);
    assert.deepEqual(promoted.deleted, [loser.id]);
    await winner.kill();
  }),
  row("sandbox.explore", "several", async (t) => {
    const box = await t.make();
    // The package compares times of files, and the kernel's clock for them ticks every some milliseconds.
    const result = await box.explore(["echo 1; false", "sleep 0.1; echo 2 > /home/user/found; echo PASS"]);
    assert.equal(result.winnerOutcome.stdoutTail, "PASS\n");
    assert.ok(result.winnerOutcome.filesChanged.includes("/home/user/found"));
    await result.winner.kill();
  }),
  row("sandbox.lifecycle", "GET /v1/sandboxes/{id}/lifecycle", async (t) => {
    const life = await t.box.lifecycle();
    assert.deepEqual([typeof life.ttl_seconds, typeof life.idle_seconds, life.persistent], ["number", "number", false]);
    await t.box.exec("true");
    assert.equal((await t.box.lifecycle()).expires_at, life.expires_at);
    return "The time-to-live counts from when it was set; use does not extend it. What never ends has 0.";
  }),
  row("sandbox.setTtl", "PATCH /v1/sandboxes/{id}/lifecycle", async (t) => {
    const box = await t.make();
    assert.equal((await box.setTtl(1234)).ttl_seconds, 1234);
    await assert.rejects(box.setTtl(-1), BadRequestError);
  }),
  row("sandbox.setPersistent", "PATCH /v1/sandboxes/{id}/lifecycle", async (t) => {
    const box = await t.make();
    const kept = await box.setPersistent(true);
    assert.deepEqual([kept.persistent, kept.ttl_seconds], [true, 0]);
    const mortal = await box.setPersistent(false);
    assert.equal(mortal.persistent, false);
    assert.ok(mortal.ttl_seconds > 0);
    return "A persistent sandbox has no time-to-live. It does not hibernate when idle, and does not outlive the daemon.";
  }),
  row("sandbox.previewUrls", "GET /v1/sandboxes/{id}/ports", async (t) => {
    await serve(t.box, 8000);
    assert.ok(8000 in (await t.box.previewUrls()));
  }),
  row("sandbox.previewUrl", "GET / at {port}-{id}.HOST", async (t) => {
    t.client.previewHost = new URL(t.client.apiUrl).host.replace("127.0.0.1", "localhost");
    const url = t.box.previewUrl(8001, "http");
    assert.equal(url, `http://8001-${t.box.id}.${t.client.previewHost}`);
    await t.box.exec("echo hello > /workspace/index.html");
    await serve(t.box, 8001);
    assert.match((await visit(t.client, url, { authorization: `Bearer ${t.client.apiKey}` })).body, /hello/);
    assert.equal((await visit(t.client, url)).status, 401);
    return "Set `client.previewHost` to the daemon's domain and port, and use the scheme `http` without TLS. The URL alone opens nothing: it wants the key, or a pass of `POST …/ports/{port}/preview` ([ports.md](ports.md)).";
  }),
  row("filesystem.write", "PUT /v1/sandboxes/{id}/fs", async (t) => {
    assert.deepEqual(await t.box.filesystem.write("/workspace/deep/er/a.txt", "häh"), { path: "/workspace/deep/er/a.txt", bytes: 4 });
    await t.box.filesystem.write("/workspace/b.bin", new Uint8Array([0, 255, 10]));
    assert.equal((await t.box.exec("od -An -tx1 b.bin")).stdout.trim(), "00 ff 0a");
    await assert.rejects(t.box.filesystem.write("/usr/no", "x"), AuthError); // 403: read-only
  }),
  row("filesystem.read", "GET /v1/sandboxes/{id}/fs", async (t) => {
    await t.box.filesystem.write("/workspace/c.txt", "häh\n");
    await t.box.filesystem.write("/workspace/empty", "");
    assert.equal(await t.box.filesystem.read("/workspace/c.txt"), "häh\n");
    assert.equal(await t.box.filesystem.read("/workspace/empty"), "");
    await assert.rejects(t.box.filesystem.read("/workspace/missing"), NotFoundError);
    await assert.rejects(t.box.filesystem.read("/workspace"), BadRequestError);
  }),
  row("filesystem.upload", "PUT /v1/sandboxes/{id}/fs", async (t) => {
    await writeFile(join(t.folder, "up"), "from here");
    await t.box.filesystem.upload(join(t.folder, "up"), "/workspace/up");
    assert.equal(await t.box.filesystem.read("/workspace/up"), "from here");
  }),
  row("filesystem.download", "GET /v1/sandboxes/{id}/fs", async (t) => {
    await t.box.exec("printf 'from there' > down");
    await t.box.filesystem.download("/workspace/down", join(t.folder, "sub/down"));
    assert.equal(await readFile(join(t.folder, "sub/down"), "utf8"), "from there");
  }),
  row("filesystem.list", "GET /v1/sandboxes/{id}/fs/dir", async (t) => {
    await t.box.exec("mkdir -p list/dir; printf 123 > list/file; chmod 640 list/file");
    const [dir, file] = await t.box.filesystem.list("/workspace/list");
    assert.deepEqual([dir.name, dir.path, dir.is_dir], ["dir", "/workspace/list/dir", true]);
    assert.deepEqual([file.name, file.is_dir, file.size, file.mode], ["file", false, 3, "0640"]);
    assert.ok(Math.abs(file.mtime - Date.now() / 1000) < 3600);
    assert.deepEqual(await t.box.filesystem.list("/workspace/list/dir"), []);
    await assert.rejects(t.box.filesystem.list("/missing"), NotFoundError);
  }),
  row("filesystem.walk", "GET /v1/sandboxes/{id}/fs/dir", async (t) => {
    await t.box.exec("mkdir -p walk/a/b; touch walk/1 walk/a/2 walk/a/b/3");
    const seen = (await collect(t.box.filesystem.walk("/workspace/walk"))).map(({ dir, files }) => `${dir}:${files.map((f) => f.name)}`);
    assert.deepEqual(seen, ["/workspace/walk:1", "/workspace/walk/a:2", "/workspace/walk/a/b:3"]);
  }),
  row("filesystem.stat", "GET /v1/sandboxes/{id}/fs/stat", async (t) => {
    await t.box.filesystem.write("/workspace/s.txt", "12345");
    const info = await t.box.filesystem.stat("/workspace/s.txt");
    assert.deepEqual([info.name, info.path, info.is_dir, info.size, info.mode], ["s.txt", "/workspace/s.txt", false, 5, "0644"]);
    await assert.rejects(t.box.filesystem.stat("/missing"), NotFoundError);
  }),
  row("filesystem.exists", "GET /v1/sandboxes/{id}/fs/stat", async (t) => {
    assert.equal(await t.box.filesystem.exists("/workspace"), true);
    assert.equal(await t.box.filesystem.exists("/missing"), false);
  }),
  row("client.templates.list", "GET /v1/templates", async (t) => {
    const host = (await t.client.templates.list()).find((template) => template.name === "host");
    assert.ok(host.cpu > 0 && host.memory_mb > 0 && host.is_global);
  }),
  row("client.templates.get", "GET /v1/templates/{name}", async (t) => {
    assert.equal((await t.client.templates.get("host")).name, "host");
    await assert.rejects(t.client.templates.get("nonsense"), NotFoundError);
  }),
  row("client.templates.build", "POST /v1/templates/build", async (t) => {
    const build = await t.client.templates.build({ name: "archived", rootfs: tarOf("a.txt", "here") });
    assert.deepEqual([build.name, build.size_mb], ["archived", 1024]);
    assert.ok((await t.client.templates.waitForBuild(build.id, { intervalMs: 50 })).bytes > 0);
    assert.equal((await t.client.templates.get("archived")).is_global, false);
    return "`rootfs` is a tar of files, an OCI layout or a `docker save` archive; `size_mb` is noted only; no `kernel` (501). For keys that may.";
  }),
  row("client.templates.register", "POST /v1/templates/build", async (t) => {
    const build = await t.client.templates.register({ name: "mine", imageRef: "debian:12" });
    assert.equal(build.name, "mine");
  }),
  row("client.templates.buildFromDockerfile", "POST /v1/templates/build", async (t) => {
    const build = await t.client.templates.buildFromDockerfile({ name: "mine", dockerfile: "FROM scratch\nCOPY src/a /a\n", context: { "src/a": "x" }, memoryMb: 333 });
    assert.equal(build.name, "mine");
    await t.client.templates.waitForBuild(build.id, { intervalMs: 50 });
    assert.equal((await t.client.templates.get("mine")).memory_mb, 333);
    await assert.rejects(t.client.templates.buildFromDockerfile({ name: "mine", dockerfile: "FROM scratch\n", context: { "../a": "x" } }), BadRequestError);
  }),
  row("client.templates.delete", "DELETE /v1/templates/{name}", async (t) => {
    await assert.rejects(t.client.templates.delete("nonsense"), NotFoundError);
    await assert.rejects(t.client.templates.delete("host"), AuthError);
    await t.client.templates.delete("mine");
    await assert.rejects(t.client.templates.get("mine"), NotFoundError);
  }),
  row("client.templates.builds", "GET /v1/templates/builds", async (t) => {
    assert.deepEqual((await t.client.templates.builds()).map((build) => build.name), ["mine", "archived"]);
    return "The daemon forgets them when it is started again.";
  }),
  row("client.templates.buildStatus", "GET /v1/templates/builds/{id}", async (t) => {
    await assert.rejects(t.client.templates.buildStatus("nonsense"), NotFoundError);
    const [build] = await t.client.templates.builds();
    assert.deepEqual(await t.client.templates.buildStatus(build.id), build);
  }),
  row("client.templates.waitForBuild", "GET /v1/templates/builds/{id}", async (t) => {
    await assert.rejects(t.client.templates.waitForBuild("nonsense"), NotFoundError);
    const build = await t.client.templates.buildFromDockerfile({ name: "broken", dockerfile: "FROM nowhere\n" });
    await assert.rejects(t.client.templates.waitForBuild(build.id, { intervalMs: 50 }), /nowhere/);
    const [, last] = await t.client.templates.builds();
    assert.equal((await t.client.templates.waitForBuild(last.id)).status, "done");
  }),
  row("client.templates.buildLogs", "GET /v1/templates/builds/{id}/logs", async (t) => {
    await assert.rejects(collect(t.client.templates.buildLogs("nonsense")), NotFoundError);
    const build = (await t.client.templates.builds()).find(({ name }) => name === "mine");
    const lines = await collect(t.client.templates.buildLogs(build.id));
    assert.ok(lines.some((line) => line.includes("COPY src/a /a")), lines.join("|"));
    assert.deepEqual(await collect(t.client.templates.buildLogs(build.id, { follow: false })), lines);
  }),
  row("client.me", "GET /v1/me", async (t) => {
    assert.equal((await t.client.me()).label, "first");
  }),
  row("client.tokens.list", "GET /v1/me/tokens", async (t) => {
    const [token] = await t.client.tokens.list();
    assert.ok(t.client.apiKey.replace("pds_", "brig_").startsWith(token.prefix));
    return "The key that asks, and no other.";
  }),
  row("client.tokens.create", "POST /v1/me/tokens", async (t) => {
    assert.ok((await t.client.tokens.create("second")).token);
  }),
  row("client.tokens.revoke", "DELETE /v1/me/tokens/{prefix}", async (t) => {
    await t.client.tokens.revoke("nonsense");
  }),
  row("client.volumes.create", "POST /v1/volumes", async (t) => {
    assert.equal((await t.client.volumes.create({ name: "cache", size_mb: 16 })).name, "cache");
  }),
  row("client.volumes.list", "GET /v1/volumes", async (t) => {
    return listed(() => t.client.volumes.list(), () => t.client.volumes.create({ name: "cache", size_mb: 16 }), "volumes");
  }),
  row("client.volumes.get", "GET /v1/volumes/{name}", async (t) => {
    await assert.rejects(t.client.volumes.get("nonsense"), NotFoundError);
    await t.client.volumes.create({ name: "cache", size_mb: 16 });
    assert.equal((await t.client.volumes.get("cache")).name, "cache");
  }),
  row("client.volumes.delete", "DELETE /v1/volumes/{name}", async (t) => {
    await assert.rejects(t.client.volumes.delete("nonsense"), NotFoundError);
    await t.client.volumes.create({ name: "cache", size_mb: 16 });
    await t.client.volumes.delete("cache");
  }),
  row("client.request", "any", async (t) => {
    assert.equal((await t.client.request("GET", `/sandboxes/${t.box.id}`)).id, t.box.id);
    await assert.rejects(new Client({ apiUrl: t.client.apiUrl, apiKey: "nonsense" }).me(), AuthError);
  }),
];

/// Hosting of functions, databases and apps: other products. Their methods are counted, and all refused.
export const outOfScope = ["functions", "schedules", "databases", "apps"];
