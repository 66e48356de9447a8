/// The life of sandboxes, snapshots and forks: the control plane.
import assert from "node:assert/strict";
import { AuthenticationError, NotFoundError, Sandbox, SandboxNotFoundError } from "e2b";
import { refused, row } from "../methods.mjs";

export const title = "Sandboxes";
export const order = 1;

const collect = async (paginator) => {
  const all = [];
  while (paginator.hasNext) all.push(...(await paginator.nextItems()));
  return all;
};
const seconds = (info) => (info.endAt - Date.now()) / 1000;
const unique = () => `m${Math.random().toString(36).slice(2)}`;

export const methods = [
  row("Sandbox.create", "POST /v2/sandboxes", async (t) => {
    const box = await Sandbox.create({ metadata: { task: "7" }, envs: { FOO: "bar" } });
    try {
      assert.match(box.sandboxId, /^[a-z0-9]+$/);
      const info = await box.getInfo();
      assert.deepEqual([info.templateId, info.metadata.task, info.state], ["base", "7", "running"]);
      assert.ok(Math.abs(seconds(info) - 300) < 10, `${seconds(info)} s left`);
      await assert.rejects(Sandbox.create("nonsense"), NotFoundErrorLike);
      await assert.rejects(Sandbox.create({ apiKey: `e2b_${"0".repeat(40)}` }), AuthenticationError);
    } finally {
      await box.kill();
    }
    return "The templates `base`, `code-interpreter-v1` and `code-interpreter` mean `host`, this machine's own programs, unless a template of that name was made there.";
  }),
  row("Sandbox.create({timeoutMs})", "POST /v2/sandboxes", async (t) => {
    const box = await t.make("base", { timeoutMs: 60_000 });
    assert.ok(Math.abs(seconds(await box.getInfo()) - 60) < 10);
    await assert.rejects(t.make("base", { timeoutMs: 365 * 24 * 3_600_000 }), /longest time-to-live/);
  }),
  row("Sandbox.create({allowInternetAccess})", "POST /v2/sandboxes", async (t) => {
    for (const allowInternetAccess of [false, true]) {
      const box = await t.make("base", { allowInternetAccess });
      assert.equal((await box.getInfo()).allowInternetAccess, false);
      await box.kill();
    }
    return "There is no way out of a sandbox, whatever is asked for: `allowInternetAccess` is always false.";
  }),
  row("Sandbox.create({network: {denyOut}})", "POST /v2/sandboxes", async (t) => {
    const box = await t.make("base", { network: { denyOut: ({ allTraffic }) => [allTraffic] } });
    assert.deepEqual((await box.getInfo()).network.denyOut, ["0.0.0.0/0"]);
  }),
  row("Sandbox.create({network: {allowOut}})", "POST /v2/sandboxes", (t) =>
    refused(() => t.make("base", { network: { allowOut: ["1.1.1.1"], denyOut: ["0.0.0.0/0"] } }), /no network/)),
  row("Sandbox.create({network: {rules}})", "POST /v2/sandboxes", (t) =>
    refused(() => t.make("base", { network: { rules: { "example.com": [{}] }, allowOut: ["example.com"], denyOut: ["0.0.0.0/0"] } }), /no network/)),
  row("Sandbox.create({network: {egressProxy}})", "POST /v2/sandboxes", (t) =>
    refused(() => t.make("base", { network: { egressProxy: { address: "127.0.0.1:1080" } } }), /no network/)),
  row("Sandbox.create({lifecycle: {onTimeout: 'pause'}})", "POST /v2/sandboxes", async (t) => {
    const box = await t.make("base", { timeoutMs: 1000, lifecycle: { onTimeout: "pause" } });
    assert.equal((await box.getInfo()).lifecycle.onTimeout, "pause");
    while ((await box.getInfo()).state !== "paused") await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await box.isRunning(), false);
    await box.connect();
    assert.equal(await box.isRunning(), true);
    return "A paused sandbox keeps its memory, and ends with the daemon, or after `--ttl-most` (a day).";
  }),
  row("Sandbox.create({lifecycle: {autoResume}})", "POST /v2/sandboxes", async (t) => {
    const box = await t.make("base", { lifecycle: { onTimeout: "pause", autoResume: true } });
    await box.files.write("kept.txt", "kept");
    await box.pause();
    assert.equal(await box.files.read("kept.txt"), "kept");
    assert.equal((await box.getInfo()).state, "running");
  }),
  row("Sandbox.create({lifecycle: {onTimeout: {keepMemory: false}}})", "POST /v2/sandboxes", (t) =>
    t.make("base", { lifecycle: { onTimeout: { action: "pause", keepMemory: false } } })),
  row("Sandbox.create({mcp})", "POST /v2/sandboxes", (t) => refused(() => Sandbox.create("base", { mcp: { browserbase: {} } }), /gateway for MCP/)),
  row("Sandbox.create({volumeMounts})", "POST /v2/sandboxes", (t) => refused(() => t.make("base", { volumeMounts: { "/data": "vol" } }), /volumes are not supported/)),
  row("Sandbox.create(snapshotId)", "POST /v2/sandboxes", async (t) => {
    const source = await t.make();
    await source.files.write("state.json", '{"step": 1}');
    const { snapshotId } = await source.createSnapshot();
    await source.kill();
    const box = await t.make(snapshotId);
    assert.equal(await box.files.read("state.json"), '{"step": 1}');
    assert.equal((await box.getInfo()).templateId, snapshotId);
    await Sandbox.deleteSnapshot(snapshotId);
    return "It begins with the files; no program runs in it.";
  }),
  row("Sandbox.connect", "POST /v2/sandboxes/{id}/connect", async (t) => {
    const box = await t.make();
    await box.files.write("there.txt", "there");
    const same = await Sandbox.connect(box.sandboxId);
    assert.equal(await same.files.read("there.txt"), "there");
    await assert.rejects(Sandbox.connect("nonsense"), SandboxNotFoundError);
  }),
  row("sandbox.connect", "POST /v2/sandboxes/{id}/connect", async (t) => {
    const box = await t.make("base", { timeoutMs: 100_000 });
    await box.connect({ timeoutMs: 10_000 });
    assert.ok(seconds(await box.getInfo()) > 80, "connect() shortened its life");
    await box.connect({ timeoutMs: 200_000 });
    assert.ok(seconds(await box.getInfo()) > 180);
    await box.pause();
    await box.connect({ timeoutMs: 50_000 });
    const info = await box.getInfo();
    assert.equal(info.state, "running");
    assert.ok(seconds(info) < 60);
  }),
  row("Sandbox.list", "GET /v2/sandboxes", async (t) => {
    const mark = unique();
    const boxes = [];
    for (let i = 0; i < 3; ++i) boxes.push(await t.make("base", { metadata: { mark, "a b&=%é": `${i} %20&=` } }));
    const query = { metadata: { mark } };
    const ids = boxes.map((box) => box.sandboxId);
    assert.deepEqual((await collect(Sandbox.list({ query }))).map((info) => info.sandboxId), ids.toReversed());
    assert.deepEqual((await collect(Sandbox.list({ query, order: "asc", limit: 2 }))).map((info) => info.sandboxId), ids);
    assert.deepEqual((await collect(Sandbox.list({ query, limit: 1 }))).map((info) => info.sandboxId), ids.toReversed());
    assert.deepEqual((await collect(Sandbox.list({ query: { metadata: { mark, "a b&=%é": "1 %20&=" } } }))).map((info) => info.sandboxId), [ids[1]]);
    await boxes[0].pause();
    assert.deepEqual((await collect(Sandbox.list({ query: { ...query, state: ["paused"] } }))).map((info) => info.sandboxId), [ids[0]]);
    assert.equal((await collect(Sandbox.list({ query: { ...query, state: ["running", "paused"] } }))).length, 3);
    const { startedAt } = await boxes[1].getInfo();
    assert.deepEqual((await collect(Sandbox.list({ query: { ...query, startedAfter: startedAt } }))).map((info) => info.sandboxId), ids.slice(1).toReversed());
    assert.deepEqual(await collect(Sandbox.list({ query: { ...query, template: "nonsense" } })), []);
    assert.equal((await collect(Sandbox.list({ query: { ...query, template: "base" } }))).length, 3);
    for (const box of boxes) await box.kill();
    assert.deepEqual(await collect(Sandbox.list({ query })), []);
  }),
  row("Sandbox.getInfo", "GET /sandboxes/{id}", async (t) => {
    const info = await Sandbox.getInfo(t.box.sandboxId);
    assert.ok(info.cpuCount > 0 && info.memoryMB > 0 && info.startedAt instanceof Date);
    await assert.rejects(Sandbox.getInfo("nonsense"), SandboxNotFoundError);
  }),
  row("Sandbox.getFullInfo", "GET /sandboxes/{id}", async (t) => {
    assert.equal((await Sandbox.getFullInfo(t.box.sandboxId)).sandboxId, t.box.sandboxId);
  }),
  row("sandbox.getInfo", "GET /sandboxes/{id}", async (t) => {
    assert.equal((await t.box.getInfo()).sandboxId, t.box.sandboxId);
  }),
  row("sandbox.isRunning", "GET /health", async (t) => {
    const box = await t.make();
    assert.equal(await box.isRunning(), true);
    await box.kill();
    assert.equal(await box.isRunning(), false);
  }),
  row("Sandbox.kill", "DELETE /sandboxes/{id}", async (t) => {
    const box = await t.make();
    assert.equal(await Sandbox.kill(box.sandboxId), true);
    assert.equal(await Sandbox.kill(box.sandboxId), false);
  }),
  row("sandbox.kill", "DELETE /sandboxes/{id}", async (t) => {
    const box = await t.make();
    assert.deepEqual([await box.kill(), await box.kill()], [true, false]);
  }),
  row("Sandbox.setTimeout", "POST /sandboxes/{id}/timeout", async (t) => {
    await Sandbox.setTimeout(t.box.sandboxId, 1_000_000);
    assert.ok(seconds(await t.box.getInfo()) > 900);
    await assert.rejects(Sandbox.setTimeout("nonsense", 1000), SandboxNotFoundError);
  }),
  row("sandbox.setTimeout", "POST /sandboxes/{id}/timeout", async (t) => {
    const box = await t.make();
    await box.setTimeout(20_000);
    assert.ok(seconds(await box.getInfo()) < 30);
    await box.setTimeout(0);
    while (await box.isRunning()) await new Promise((resolve) => setTimeout(resolve, 20));
  }),
  row("Sandbox.pause", "POST /sandboxes/{id}/pause", async (t) => {
    const box = await t.make();
    assert.deepEqual([await Sandbox.pause(box.sandboxId), await Sandbox.pause(box.sandboxId)], [true, false]);
    await assert.rejects(Sandbox.pause("nonsense"), SandboxNotFoundError);
  }),
  row("sandbox.pause", "POST /sandboxes/{id}/pause", async (t) => {
    const box = await t.make();
    assert.equal(await box.pause(), true);
    assert.equal((await box.getInfo()).state, "paused");
    assert.equal(await box.isRunning(), false);
    return "It is frozen where it is and keeps its memory. It ends with the daemon, or after `--ttl-most` (a day).";
  }),
  row("sandbox.pause({keepMemory: false})", "POST /sandboxes/{id}/pause", async (t) => (await t.make()).pause({ keepMemory: false })),
  row("Sandbox.betaPause", "POST /sandboxes/{id}/pause", async (t) => {
    const box = await t.make();
    assert.equal(await Sandbox.betaPause(box.sandboxId), true);
  }),
  row("sandbox.betaPause", "POST /sandboxes/{id}/pause", async (t) => {
    const box = await t.make();
    assert.equal(await box.betaPause(), true);
  }),
  row("Sandbox.getMetrics", "GET /sandboxes/{id}/metrics", async (t) => {
    const [metric] = await Sandbox.getMetrics(t.box.sandboxId);
    assert.ok(metric.cpuCount > 0 && metric.memTotal > 0 && metric.memUsed > 0 && metric.diskTotal > 0);
    await assert.rejects(Sandbox.getMetrics("nonsense"), SandboxNotFoundError);
    return "There is a sample of each moment at which somebody asked, and of now. `diskUsed` and `memCache` are 0: only the inside could say.";
  }),
  row("sandbox.getMetrics", "GET /sandboxes/{id}/metrics", async (t) => {
    const box = await t.make();
    const before = new Date(Date.now() - 60_000);
    assert.deepEqual(await box.getMetrics({ start: new Date(0), end: before }), []);
    assert.ok((await box.getMetrics({ start: before, end: new Date(Date.now() + 60_000) })).length > 0);
  }),
  row("Sandbox.updateNetwork", "PUT /sandboxes/{id}/network", async (t) => {
    const box = await t.make();
    await Sandbox.updateNetwork(box.sandboxId, { denyOut: ["0.0.0.0/0"] });
    assert.deepEqual((await box.getInfo()).network.denyOut, ["0.0.0.0/0"]);
    await assert.rejects(Sandbox.updateNetwork("nonsense", {}), SandboxNotFoundError);
  }),
  row("sandbox.updateNetwork", "PUT /sandboxes/{id}/network", async (t) => {
    const box = await t.make("base", { network: { denyOut: ["0.0.0.0/0"] } });
    await box.updateNetwork({ allowInternetAccess: false });
    assert.deepEqual((await box.getInfo()).network.denyOut, []);
  }),
  row("sandbox.updateNetwork({allowOut})", "PUT /sandboxes/{id}/network", (t) =>
    refused(() => t.box.updateNetwork({ allowOut: ["1.1.1.1"], denyOut: ["0.0.0.0/0"] }), /no network/)),
  row("Sandbox.createSnapshot", "POST /sandboxes/{id}/snapshots", async (t) => {
    const { snapshotId, names } = await Sandbox.createSnapshot(t.box.sandboxId);
    assert.deepEqual(names, []);
    assert.equal(await Sandbox.deleteSnapshot(snapshotId), true);
    await assert.rejects(Sandbox.createSnapshot("nonsense"), SandboxNotFoundError);
    return "It keeps files (/workspace, /home/user, /tmp), no memory and no programs.";
  }),
  row("sandbox.createSnapshot", "POST /sandboxes/{id}/snapshots", async (t) => {
    const box = await t.make();
    const name = unique();
    await box.files.write("v.txt", "1");
    const first = await box.createSnapshot({ name });
    assert.equal(first.names.length, 1);
    assert.match(first.snapshotId, new RegExp(`/${name}:default$`));
    await box.files.write("v.txt", "2");
    const second = await box.createSnapshot({ name });
    assert.equal(second.snapshotId, first.snapshotId);
    assert.equal(await (await t.make(second.snapshotId)).files.read("v.txt"), "2");
    assert.equal(await Sandbox.deleteSnapshot(second.snapshotId), true);
    return "It keeps files (/workspace, /home/user, /tmp), no memory and no programs.";
  }),
  row("Sandbox.listSnapshots", "GET /snapshots", async (t) => {
    const name = unique();
    const { snapshotId } = await t.box.createSnapshot({ name });
    assert.ok((await collect(Sandbox.listSnapshots({ limit: 1 }))).some((one) => one.snapshotId === snapshotId));
    assert.deepEqual((await collect(Sandbox.listSnapshots({ name }))).map((one) => one.snapshotId), [snapshotId]);
    assert.deepEqual(await collect(Sandbox.listSnapshots({ name: "nonsense" })), []);
    await Sandbox.deleteSnapshot(snapshotId);
  }),
  row("sandbox.listSnapshots", "GET /snapshots", async (t) => {
    const box = await t.make();
    assert.deepEqual(await collect(box.listSnapshots()), []);
    const { snapshotId } = await box.createSnapshot();
    assert.deepEqual((await collect(box.listSnapshots())).map((one) => one.snapshotId), [snapshotId]);
    await Sandbox.deleteSnapshot(snapshotId);
  }),
  row("Sandbox.deleteSnapshot", "DELETE /templates/{id}", async (t) => {
    const { snapshotId } = await t.box.createSnapshot({ name: unique() });
    assert.deepEqual([await Sandbox.deleteSnapshot(snapshotId), await Sandbox.deleteSnapshot(snapshotId)], [true, false]);
  }),
  row("Sandbox.fork", "POST /sandboxes/{id}/fork", async (t) => {
    const box = await t.make();
    await box.files.write("shared.txt", "both");
    const children = await Sandbox.fork(box.sandboxId, { count: 2 });
    assert.equal(children.length, 2);
    for (const child of children) {
      assert.equal(await child.files.read("shared.txt"), "both");
      await child.files.write("shared.txt", "child");
      await child.kill();
    }
    assert.equal(await box.files.read("shared.txt"), "both");
    await assert.rejects(Sandbox.fork("nonsense"), SandboxNotFoundError);
    return "The children have a copy of the files, and no program runs in them.";
  }),
  row("sandbox.fork", "POST /sandboxes/{id}/fork", async (t) => {
    const [child] = await t.box.fork({ timeoutMs: 40_000 });
    assert.ok(Math.abs(seconds(await child.getInfo()) - 40) < 10);
    await child.kill();
    return "The child has a copy of the files, and no program runs in it.";
  }),
];

/// What the client makes of a template that is not there.
function NotFoundErrorLike(error) {
  return error instanceof NotFoundError || /^404: /.test(error.message);
}
