/// The published clients against a daemon with --tls-domain, told of nothing but the domain (E2B_DOMAIN) and a key: every request goes by
/// host name and TLS. tests/e2e/test_service_e2b_tls.py starts it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox } from "@e2b/code-interpreter";

const { E2B_DOMAIN: domain } = process.env;
let box;

before(async () => (box = await Sandbox.create()));
after(() => box.kill());

test("the API is api.DOMAIN, and says the domain", async () => {
  assert.equal(box.sandboxDomain, domain);
  assert.equal(await box.isRunning(), true);
  assert.equal((await Sandbox.getInfo(box.sandboxId)).sandboxId, box.sandboxId);
});

test("commands and files", async () => {
  const ran = await box.commands.run("echo from inside; exit 0");
  assert.deepEqual([ran.exitCode, ran.stdout], [0, "from inside\n"]);
  const text = "0123456789abcdef".repeat(1 << 16); // 1 MiB
  await box.files.write("large.txt", text);
  assert.equal(await box.files.read("large.txt"), text);
});

test("addresses that are signed", async () => {
  await box.files.write("signed.txt", "signed");
  const url = new URL(await box.downloadUrl("signed.txt", { useSignatureExpiration: 60 }));
  assert.equal(url.host, `49983-${box.sandboxId}.${domain}`);
  assert.equal(url.protocol, "https:");
  assert.equal(await (await fetch(url)).text(), "signed");
});

test("the code interpreter", async () => {
  const context = await box.createCodeContext();
  const ran = await box.runCode("print('printed'); 6 * 7", { context });
  assert.deepEqual([ran.text, ran.logs.stdout], ["42", ["printed\n"]]);
});

test("a server inside", async () => {
  await box.files.write("index.html", "served");
  await box.commands.run("python3 -m http.server --bind 127.0.0.1 3000", { background: true, timeoutMs: 0 });
  await box.commands.run("until grep -q ':0BB8 .* 0A ' /proc/net/tcp; do sleep 0.05; done");
  const host = box.getHost(3000);
  assert.equal(host, `3000-${box.sandboxId}.${domain}`);
  assert.equal(await (await fetch(`https://${host}/index.html`)).text(), "served");
  assert.equal((await fetch(`https://${box.getHost(3001)}/`)).status, 502);
});
