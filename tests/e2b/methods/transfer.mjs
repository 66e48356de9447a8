/// Files up and down: plain HTTP, with a token or a signed address.
import assert from "node:assert/strict";
import { AuthenticationError, FileNotFoundError, InvalidArgumentError } from "e2b";
import { row } from "../methods.mjs";

export const title = "Files: contents";
export const order = 3;

const text = async (answer) => ({ status: answer.status, body: await answer.text() });

export const methods = [
  row("sandbox.files.read", "GET /files", async (t) => {
    await t.box.files.write("read.txt", "Grüße");
    assert.equal(await t.box.files.read("read.txt"), "Grüße");
    assert.equal(await t.box.files.read("~/read.txt"), "Grüße");
    assert.equal(await t.box.files.read("/home/user/read.txt"), "Grüße");
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await t.box.files.write("bytes.bin", bytes.buffer);
    assert.deepEqual(await t.box.files.read("bytes.bin", { format: "bytes" }), bytes);
    assert.equal((await t.box.files.read("bytes.bin", { format: "blob" })).size, 256);
    const pieces = [];
    for await (const piece of await t.box.files.read("read.txt", { format: "stream" })) pieces.push(piece);
    assert.equal(Buffer.concat(pieces).toString(), "Grüße");
    await t.box.files.write("empty.txt", "");
    assert.equal(await t.box.files.read("empty.txt"), "");
    await assert.rejects(t.box.files.read("nonsense.txt"), (error) => error instanceof FileNotFoundError && /'\/home\/user\/nonsense.txt' does not exist/.test(error.message));
    await assert.rejects(t.box.files.read("/home/user"), (error) => error instanceof InvalidArgumentError && /'\/home\/user' is a directory/.test(error.message));
  }),
  row("sandbox.files.read({gzip: true})", "GET /files", async (t) => {
    const large = "0123456789abcdef".repeat(1 << 17); // 2 MiB
    for (const contents of ["", "Grüße", large]) {
      await t.box.files.write("packed.txt", contents);
      assert.equal(await t.box.files.read("packed.txt", { gzip: true }), contents);
    }
    const url = await t.box.downloadUrl("packed.txt");
    const answer = await fetch(url, { headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.equal(answer.headers.get("vary"), "Accept-Encoding");
    assert.equal(await answer.text(), large);
    const part = await fetch(url, { headers: { "accept-encoding": "gzip", range: "bytes=1-3" } });
    assert.deepEqual([part.status, part.headers.get("content-encoding"), await part.text()], [206, null, "123"]);
  }),
  row("sandbox.files.read({user: 'root'})", "GET /files", async (t) => {
    await t.box.files.write("mine.txt", "mine");
    assert.equal(await t.box.files.read("mine.txt", { user: "user" }), "mine");
    await assert.rejects(t.box.files.read("mine.txt", { user: "root" }), (error) => error instanceof AuthenticationError && /invalid username: 'root'/.test(error.message));
    return "There is one user, `user`, without sudo; another name is an `AuthenticationError`.";
  }),
  row("sandbox.files.write", "POST /files", async (t) => {
    const info = await t.box.files.write("folder/deep/new.txt", "one");
    assert.deepEqual([info.name, info.path, info.type, info.metadata], ["new.txt", "/home/user/folder/deep/new.txt", "file", undefined]);
    await t.box.files.write("folder/deep/new.txt", "two");
    assert.equal(await t.box.files.read("folder/deep/new.txt"), "two");
    await t.box.files.write("stream.txt", new Blob(["streamed"]).stream());
    assert.equal(await t.box.files.read("stream.txt"), "streamed");
    await t.box.files.write("octets.txt", "octets", { useOctetStream: true });
    assert.equal(await t.box.files.read("octets.txt"), "octets");
    await t.box.files.write("packed.txt", "packed".repeat(1000), { gzip: true });
    assert.equal(await t.box.files.read("packed.txt"), "packed".repeat(1000));
    const large = "0123456789abcdef".repeat(1 << 18); // 4 MiB
    await t.box.files.write("large.txt", large);
    assert.equal(await t.box.files.read("large.txt"), large);
    await assert.rejects(t.box.files.write("/home/user", "x"), InvalidArgumentError);
    await assert.rejects(t.box.files.write("/usr/x", "x"));
  }),
  row("sandbox.files.write({metadata})", "POST /files", (t) => t.box.files.write("tagged.txt", "x", { metadata: { author: "me" } })),
  row("sandbox.files.writeFiles", "POST /files", async (t) => {
    const written = await t.box.files.writeFiles([
      { path: "many/a.txt", data: "a" },
      { path: "many/b/c.txt", data: "c" },
    ]);
    assert.deepEqual(written.map(({ path }) => path).sort(), ["/home/user/many/a.txt", "/home/user/many/b/c.txt"]);
    assert.equal(await t.box.files.read("many/b/c.txt"), "c");
  }),
  row("sandbox.downloadUrl", "GET /files?signature=", async (t) => {
    await t.box.files.write("signed.txt", "signed");
    const url = await t.box.downloadUrl("signed.txt", { useSignatureExpiration: 60 });
    assert.deepEqual(await text(await fetch(url)), { status: 200, body: "signed" });
    assert.equal((await fetch(await t.box.downloadUrl("signed.txt"))).status, 200);
    const forged = new URL(url);
    forged.searchParams.set("path", "read.txt");
    const answer = await text(await fetch(forged));
    assert.equal(answer.status, 401);
    assert.match(answer.body, /invalid signature/);
    const old = await t.box.downloadUrl("signed.txt", { useSignatureExpiration: -60 });
    assert.deepEqual(JSON.parse((await text(await fetch(old))).body), { code: 401, message: "signature is already expired" });
  }),
  row("sandbox.uploadUrl", "POST /files?signature=", async (t) => {
    const url = await t.box.uploadUrl("uploaded.txt", { useSignatureExpiration: 60 });
    const form = new FormData();
    form.append("file", "uploaded");
    assert.equal((await fetch(url, { method: "POST", body: form })).status, 200);
    assert.equal(await t.box.files.read("uploaded.txt"), "uploaded");
    assert.equal((await fetch(url)).status, 401); // what may be written may not be read
  }),
];
