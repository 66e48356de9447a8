import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, ConflictError, NotFoundError, PermissionError } from "@brig/sdk";
import { forAllTests } from "./live.js";

const sandbox = await forAllTests();
const files = sandbox.filesystem;

test("text, bytes, blobs and streams, in and out", async () => {
  assert.deepEqual(await files.write("/workspace/a/b/text", "häh"), { path: "/workspace/a/b/text", bytes: 4 });
  assert.equal(await files.read("/workspace/a/b/text"), "häh");
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await files.write("/workspace/bytes", bytes);
  assert.deepEqual(await files.read("/workspace/bytes", { format: "bytes" }), bytes);
  await files.write("/workspace/blob", new Blob(["blob"]));
  assert.equal(await files.read("/workspace/blob"), "blob");
  await files.write("/workspace/empty", "");
  assert.equal(await files.read("/workspace/empty"), "");
});

test("a large file goes up and down as a stream", async () => {
  const piece = new Uint8Array(1 << 20).fill(7);
  let left = 20;
  const source = new ReadableStream<Uint8Array>({ pull: (controller) => (left-- > 0 ? controller.enqueue(piece) : controller.close()) });
  assert.equal((await files.write("/workspace/large", source)).bytes, 20 << 20);
  let total = 0;
  const reader = (await files.read("/workspace/large", { format: "stream" })).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) total += read.value.length;
  assert.equal(total, 20 << 20);
  await files.remove("/workspace/large");
});

test("folders, entries and their properties", async () => {
  await files.makeDir("/workspace/dir/sub");
  await files.makeDir("/workspace/dir/sub");
  await files.write("/workspace/dir/file", "12345");
  await files.chmod("/workspace/dir/file", 0o640);
  await sandbox.exec("ln -s file dir/link");
  const entries = await files.list("/workspace/dir");
  const shown = entries.map((entry) => [entry.name, entry.path, entry.type, entry.isDirectory]).sort();
  assert.deepEqual(shown, [
    ["file", "/workspace/dir/file", "file", false],
    ["link", "/workspace/dir/link", "symlink", false],
    ["sub", "/workspace/dir/sub", "dir", true],
  ]);
  const file = await files.stat("/workspace/dir/file");
  assert.deepEqual([file.name, file.path, file.size, file.mode], ["file", "/workspace/dir/file", 5, 0o640]);
  assert.ok(Math.abs(file.modifiedAt.getTime() - Date.now()) < 3_600_000);
  assert.equal((await files.stat("/workspace/dir/link")).target, "file");
  await files.chmod("/workspace/dir/file", "0755");
  assert.equal((await files.stat("/workspace/dir/file")).mode, 0o755);
});

test("move, remove, exists", async () => {
  await files.write("/workspace/old", "x");
  await files.move("/workspace/old", "/workspace/new");
  assert.deepEqual([await files.exists("/workspace/old"), await files.exists("/workspace/new")], [false, true]);
  await files.remove("/workspace/new");
  await files.write("/workspace/tree/a/b", "x");
  await assert.rejects(files.remove("/workspace/tree"), ConflictError);
  await files.remove("/workspace/tree", { recursive: true });
  assert.equal(await files.exists("/workspace/tree"), false);
  await files.write("/workspace/file", "x");
  assert.equal(await files.exists("/workspace/file/below"), false);
});

test("each refusal has its class", async () => {
  await assert.rejects(files.read("/missing"), NotFoundError);
  await assert.rejects(files.read("/workspace"), ConflictError);
  await assert.rejects(files.read("relative"), BadRequestError);
  await assert.rejects(files.write("/usr/bin/mine", "x"), PermissionError);
  await files.write("/workspace/once", "1", { exclusive: true });
  await assert.rejects(files.write("/workspace/once", "2", { exclusive: true }), ConflictError);
  await assert.rejects(files.list("/workspace/once"), ConflictError);
});

test("a sandbox that has ended is no missing file", async () => {
  const other = await (await import("@brig/sdk")).Sandbox.create();
  await other.kill();
  await assert.rejects(other.filesystem.exists("/workspace"), NotFoundError);
});
