/** Templates of the key's own: asked for, waited for, used, removed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, BrigError, ConflictError, NotFoundError, Sandbox, Template } from "@brig/sdk";

test("a template of a Dockerfile", async () => {
  const asked = await Template.build("node-made", "FROM scratch\nCOPY src/a.txt /a.txt\n", { context: { "src/a.txt": "hello" }, memoryMb: 333 });
  assert.deepEqual([asked.name, asked.kind, asked.endedAt], ["node-made", "dockerfile", null]);
  const build = await Template.wait(asked);
  assert.ok(build.bytes! > 0 && build.endedAt! >= build.startedAt);
  assert.deepEqual((await Template.builds())[0], build);
  assert.match(await Template.log(build), /COPY src\/a.txt/);
  const found = (await Sandbox.templates()).find(({ name }) => name === "node-made");
  assert.deepEqual([found?.digest, found?.memoryMb], [build.digest, 333]);
  await assert.rejects(Template.cancel(build), ConflictError);
  assert.equal(await Template.delete("node-made"), true);
  assert.equal(await Template.delete("node-made"), false);
});

test("what fails says why", async () => {
  const build = await Template.import("node-broken", "no archive");
  await assert.rejects(Template.wait(build), (error) => error instanceof BrigError && /node-broken was not made: ./.test(error.message));
  await assert.rejects(Template.build("node-broken", "FROM scratch\n", { context: { "../a": "x" } }), BadRequestError);
  await assert.rejects(Template.wait("nonsense"), NotFoundError);
});
