import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { AuthenticationError, BadRequestError, BrigError, ConflictError, NetworkError, NotFoundError, Sandbox, UnsupportedError } from "@brig/sdk";

const failure = async (promise: Promise<unknown>): Promise<BrigError> => promise.then(() => assert.fail("it works"), (error) => error);

test("a sandbox is made, described and ended", async () => {
  const sandbox = await Sandbox.create({ ttlSeconds: 60, idleSeconds: 50, metadata: { user: "7" }, limits: { memory: "64M", openFiles: 100 } });
  const info = await sandbox.info();
  assert.deepEqual([info.id, info.status, info.template, info.ttlSeconds, info.idleSeconds, info.persistent], [sandbox.id, "running", "host", 60, 50, false]);
  assert.deepEqual(info.metadata, { user: "7" });
  assert.equal(info.expiresAt!.getTime() - info.createdAt.getTime(), 60_000);
  assert.equal(await sandbox.kill(), true);
  assert.equal(await sandbox.kill(), false);
  const ended = await sandbox.info();
  assert.deepEqual([ended.status, ended.endReason], ["killed", "killed"]);
  await assert.rejects(sandbox.exec("true"), NotFoundError);
  await assert.rejects(Sandbox.connect(sandbox.id), NotFoundError);
});

test("walls are listed and chosen", async () => {
  const [process] = await Sandbox.runtimes();
  assert.deepEqual([process!.name, process!.boundary, process!.available, process!.whyNot, process!.allowed], ["process", "shared-kernel", true, null, true]);
  await using sandbox = await Sandbox.create({ runtime: "process" });
  const info = await sandbox.info();
  assert.deepEqual([info.runtime, info.capabilities], ["process", process!.capabilities]);
  assert.equal((await sandbox.attestation()).choice, "asked for by name");
  await assert.rejects(Sandbox.create({ runtime: "proces" }), BadRequestError);
});

test("templates are listed", async () => {
  const host = (await Sandbox.templates()).find((one) => one.name === "host")!;
  assert.deepEqual([host.digest, host.usable, host.allowed, host.workingFolder], [null, true, true, "/workspace"]);
  await assert.rejects(Sandbox.create({ template: "no-such-template" }), NotFoundError);
});

test("what is used after its block says what became of it", async () => {
  let kept: Sandbox;
  {
    await using sandbox = await Sandbox.create();
    kept = sandbox;
  }
  const isClear = (error: unknown) => error instanceof NotFoundError && /has ended \(killed/.test(error.message);
  for (const use of [() => kept.exec("true"), () => kept.runCode("1"), () => kept.filesystem.read("/workspace/f")]) await assert.rejects(use, isClear);
});

test("leaving the block ends the sandbox, also by an error, and one that has ended is no second error", async () => {
  let id = "";
  await assert.rejects(async () => {
    await using sandbox = await Sandbox.create();
    id = sandbox.id;
    await using other = await Sandbox.create();
    await other.kill();
    throw new Error("mine");
  }, /^Error: mine$/);
  await assert.rejects(Sandbox.connect(id), NotFoundError);
});

test("another client takes a sandbox over by its id", async () => {
  await using sandbox = await Sandbox.create();
  await sandbox.filesystem.write("/workspace/note", "mine");
  const same = await Sandbox.connect(sandbox.id);
  assert.equal(await same.filesystem.read("/workspace/note"), "mine");
});

test("the list goes on over pages and takes filters", async () => {
  const made = await Promise.all(Array.from({ length: 5 }, (_, i) => Sandbox.create({ metadata: { batch: "list test", n: String(i) } })));
  try {
    const seen: string[] = [];
    for await (const info of Sandbox.list({ metadata: { batch: "list test" }, pageSize: 2 })) seen.push(info.id);
    assert.deepEqual(seen.sort(), made.map((sandbox) => sandbox.id).sort());
    const one = Sandbox.list({ metadata: { batch: "list test", n: "3" }, states: ["running", "paused"] });
    assert.equal((await one.next()).value?.id, made[3]!.id);
    await made[0]!.kill();
    const ended: string[] = [];
    for await (const info of Sandbox.list({ metadata: { batch: "list test" }, states: ["killed"] })) ended.push(info.id);
    assert.deepEqual(ended, [made[0]!.id]);
  } finally {
    await Promise.all(made.map((sandbox) => sandbox.kill()));
  }
});

test("pause, resume, deadlines, figures and the attestation", async () => {
  await using sandbox = await Sandbox.create({ ttlSeconds: 60 });
  await sandbox.pause();
  assert.equal((await sandbox.info()).status, "paused");
  await assert.rejects(sandbox.exec("true"), ConflictError);
  await sandbox.resume();
  assert.equal((await sandbox.exec("echo back")).stdout, "back\n");
  await sandbox.setTtl(1000);
  assert.equal((await sandbox.info()).ttlSeconds, 1000);
  await sandbox.setTtl(null);
  assert.deepEqual([(await sandbox.info()).persistent, (await sandbox.info()).expiresAt], [true, null]);
  await sandbox.exec(["sleep", "1000"], { background: true });
  const metrics = await sandbox.metrics();
  assert.ok(metrics.memoryBytes > 0 && metrics.memoryBytes <= metrics.memoryLimitBytes && metrics.uptimeMs >= 0);
  assert.deepEqual([metrics.pids, metrics.pidsLimit], [1, 64]);
  assert.equal((await sandbox.attestation()).boundary, "shared-kernel");
});

test("a sandbox ends at its time-to-live, and says why", async () => {
  const sandbox = await Sandbox.create({ ttlSeconds: 0.3 });
  let info = await sandbox.info();
  while (info.endReason === undefined) info = await sandbox.info();
  assert.equal(info.endReason, "expired");
});

test("each refusal has its class, code, sentence and request id", async () => {
  const wrong = await failure(Sandbox.create({ ttlSeconds: -1 }));
  assert.ok(wrong instanceof BadRequestError);
  assert.deepEqual([wrong.name, wrong.status, wrong.code], ["BadRequestError", 400, "invalid_argument"]);
  assert.match(wrong.message, /^\$\.ttl_seconds: /);
  assert.match(wrong.requestId!, /.+/);
  const stranger = await failure(Sandbox.create({ apiKey: "brig_nonsense" }));
  assert.ok(stranger instanceof AuthenticationError);
  assert.match(stranger.message, /set BRIG_API_KEY/);
  assert.ok((await failure(Sandbox.create({ template: "nonsense" }))) instanceof NotFoundError);
  assert.ok((await failure(Sandbox.create({ require: "hardware" }))) instanceof UnsupportedError);
  const lost = await failure(Sandbox.create({ apiUrl: "http://127.0.0.1:9", retries: 0 }));
  assert.ok(lost instanceof NetworkError);
  assert.match(lost.message, /^POST http:\/\/127\.0\.0\.1:9\/v1\/sandboxes: no answer/);
  const nobody = await failure(Sandbox.create({ apiUrl: "http://127.0.0.1:1024", retries: 0 }));
  assert.match(nobody.message, /ECONNREFUSED.*`brig serve` starts a daemon/);
});

test("an option that there is not is refused, and the nearest one named", async () => {
  const isSent = () => assert.fail("it was asked for");
  for (const [options, words] of [
    [{ ttl: 5 }, /create: no option "ttl": did you mean "ttlSeconds"\?/],
    [{ idle_seconds: 5 }, /did you mean "idleSeconds"/],
    [{ limits: { memroy: "1G" } }, /limits: no option "memroy": did you mean "memory"/],
    [{ quux: 1 }, /create: no option "quux": there are .*ttlSeconds/],
  ] as const) {
    const error = await failure(Sandbox.create({ ...(options as object), fetch: isSent }));
    assert.ok(error instanceof BadRequestError, String(error));
    assert.match(error.message, words);
  }
  await using sandbox = await Sandbox.create({ ...({ nothing: undefined } as object) });
  const wrong = { timeout: 3 } as object;
  for (const call of [sandbox.exec("true", wrong), sandbox.exec("true", { background: true, ...wrong }), sandbox.runCode("1", wrong)])
    assert.match((await failure(call)).message, /no option "timeout": did you mean "timeoutSeconds"/);
  assert.match((await failure(sandbox.createCodeContext({ env: {} } as object))).message, /did you mean "envs"/);
  assert.deepEqual(await sandbox.processes(), []);
});

test("libraries are asked for by name", async () => {
  const error = await failure(Sandbox.create({ libraries: ["no-such-library"] }));
  assert.match(error.message, /no-such-library/);
});

test("two creations with one idempotency key are one sandbox", async () => {
  const idempotencyKey = randomUUID();
  await using first = await Sandbox.create({ idempotencyKey });
  const second = await Sandbox.create({ idempotencyKey });
  assert.equal(second.id, first.id);
  await assert.rejects(Sandbox.create({ idempotencyKey, ttlSeconds: 5 }), ConflictError);
});

test("a key in another client's spelling is the same key, in our dialect", async () => {
  await using sandbox = await Sandbox.create({ apiKey: process.env["BRIG_API_KEY"]!.replace("brig_", "pds_") });
  assert.equal((await sandbox.exec("sleep 60", { timeoutSeconds: 0.1 })).status, "timeout");
});
