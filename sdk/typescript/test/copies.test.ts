/** Snapshots, forks, folders as tar, and servers inside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, ConflictError, NotFoundError, Sandbox, Snapshot, TimeoutError } from "@brig/sdk";

test("a snapshot outlives its sandbox", async () => {
  const sandbox = await Sandbox.create();
  await sandbox.filesystem.write("/workspace/f", "kept");
  const snapshot = await sandbox.snapshot();
  assert.deepEqual([snapshot.sandboxId, snapshot.memory, snapshot.template, snapshot.sizeBytes > 0], [sandbox.id, false, "host", true]);
  await sandbox.kill();
  assert.deepEqual(await Snapshot.list({ sandboxId: sandbox.id }), [snapshot]);
  assert.deepEqual(await Snapshot.get(snapshot.id), snapshot);
  await using again = await Sandbox.create({ fromSnapshot: snapshot.id });
  assert.equal(await again.filesystem.read("/workspace/f"), "kept");
  assert.equal((await again.info()).fromSnapshot, snapshot.id);
  assert.equal(await Snapshot.delete(snapshot.id), true);
  assert.equal(await Snapshot.delete(snapshot.id), false);
  await assert.rejects(Snapshot.get(snapshot.id), NotFoundError);
  await assert.rejects(Sandbox.create({ fromSnapshot: snapshot.id }), NotFoundError);
});

test("a fork has files of its own", async () => {
  await using parent = await Sandbox.create({ env: { WHO: "both" } });
  await parent.filesystem.write("/workspace/f", "before");
  await using fork = await parent.fork({ metadata: { n: "1" } });
  await fork.filesystem.write("/workspace/f", "after");
  assert.equal(await parent.filesystem.read("/workspace/f"), "before");
  assert.equal((await fork.exec("cat f; printf $WHO")).stdout, "afterboth");
  const info = await fork.info();
  assert.deepEqual([info.parentId, info.metadata], [parent.id, { n: "1" }]);
});

test("of a fork tree one is chosen, and leaving the block ends the others", async () => {
  await using sandbox = await Sandbox.create();
  await sandbox.filesystem.write("/workspace/f", "same");
  let ids: string[];
  {
    await using nobody = await sandbox.forkTree(2);
    ids = nobody.children.map(({ id }) => id);
    assert.deepEqual(await Promise.all(nobody.children.map(async (child) => (await child.exec("cat f")).stdout)), ["same", "same"]);
  }
  for (const id of ids) await assert.rejects(Sandbox.connect(id), NotFoundError);
  await using tree = await sandbox.forkTree(3);
  const [winner, ...others] = tree.children;
  await assert.rejects(sandbox.promote({ treeId: tree.id }), ConflictError);
  const promotion = await tree.promote(winner!);
  assert.deepEqual([promotion.winner, promotion.treeId, promotion.failures, tree.errors], [winner!.id, tree.id, {}, []]);
  assert.deepEqual(promotion.deleted.sort(), others.map(({ id }) => id).sort());
  await tree[Symbol.asyncDispose]();
  assert.equal((await winner!.info()).status, "running");
  await winner!.kill();
});

test("a hibernation ends with the next use", async () => {
  await using sandbox = await Sandbox.create();
  await sandbox.hibernate();
  assert.equal((await sandbox.info()).status, "hibernated");
  assert.equal((await (await Sandbox.connect(sandbox.id)).exec("echo awake")).stdout, "awake\n");
  await sandbox.hibernate();
  await sandbox.wake();
  assert.equal((await sandbox.info()).status, "running");
});

test("folders go in and out as tar", async () => {
  await using sandbox = await Sandbox.create();
  const { filesystem } = sandbox;
  await sandbox.exec("mkdir -p d/sub; echo x > d/sub/f; ln -s sub/f d/link", { check: true });
  for (const gzip of [false, true]) {
    const tar = await filesystem.readTar("/workspace/d", { gzip });
    await filesystem.writeTar(`/workspace/${gzip}`, tar);
    assert.equal(await filesystem.read(`/workspace/${gzip}/sub/f`), "x\n");
    assert.equal((await filesystem.stat(`/workspace/${gzip}/link`)).target, "sub/f");
  }
  await assert.rejects(filesystem.writeTar("/workspace/x", new TextEncoder().encode("no archive ".repeat(1000))), (error) =>
    error instanceof BadRequestError && error.code === "bad_archive");
  await assert.rejects(filesystem.readTar("/workspace/none"), NotFoundError);
});

test("a server inside is reached with the key, or with a preview", async () => {
  await using sandbox = await Sandbox.create();
  const { ports } = sandbox;
  await assert.rejects(ports.wait(8000, { timeoutSeconds: 0.05 }), TimeoutError);
  await sandbox.filesystem.write("/workspace/a b.txt", "hello");
  await sandbox.exec("exec python3 -m http.server 8000", { background: true });
  await ports.wait(8000);
  const found = (await ports.list()).find(({ port }) => port === 8000)!;
  const url = ports.url(8000, "/a%20b.txt");
  assert.equal(url, `${found.pathUrl}a%20b.txt`);
  assert.match(found.url, new RegExp(`//8000-${sandbox.id}\\.`));
  assert.equal(await (await fetch(url, { headers: ports.headers })).text(), "hello");
  assert.equal((await fetch(url)).status, 401);
  const preview = await ports.preview(8000, { expiresInSeconds: 60 });
  assert.equal(await (await fetch(preview.pathUrl.replace("/?", "/a%20b.txt?"))).text(), "hello");
  assert.ok(Math.abs(preview.expiresAt.getTime() - Date.now() - 60_000) < 60_000);
  await assert.rejects(ports.preview(8000, { expiresInSeconds: 30 * 86_400 }), BadRequestError);
});

test("a lifetime can be looked at and moved", async () => {
  await using sandbox = await Sandbox.create({ ttlSeconds: 100 });
  assert.equal((await sandbox.lifetime()).ttlSeconds, 100);
  assert.equal((await sandbox.setTtl(200)).ttlSeconds, 200);
  assert.equal((await sandbox.setIdle(50)).idleSeconds, 50);
  assert.equal((await sandbox.setIdle(null)).idleSeconds, null);
  assert.deepEqual(await sandbox.setTtl(null).then(({ persistent, expiresAt }) => [persistent, expiresAt]), [true, null]);
});
