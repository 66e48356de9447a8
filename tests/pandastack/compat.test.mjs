/// Drives every method of the published @pandastack/sdk against a daemon (BRIG_API_URL, BRIG_API_KEY) and writes down what came of it:
/// docs/compat-pandastack.md must be what this run found. BRIG_ACCEPT=1 rewrites it.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client, CodeContext, PandaStackError, Sandbox } from "@pandastack/sdk";
import { methods, outOfScope } from "./methods.mjs";

const paper = join(process.env.BRIG_SOURCE_DIR, "docs/compat-pandastack.md");
const version = createRequire(import.meta.url)("./package.json").dependencies["@pandastack/sdk"];
const client = new Client({ apiUrl: process.env.BRIG_API_URL, apiKey: process.env.BRIG_API_KEY.replace(/^brig_/, "pds_") });
const made = [];
const verdicts = [];
let refusedOutside = 0;
const t = {
  client,
  async make(options) {
    const box = await Sandbox.create(options, client);
    made.push(box);
    return box;
  },
};

before(async () => {
  t.folder = await mkdtemp(join(tmpdir(), "pandastack-"));
  t.box = await t.make();
});

after(async () => {
  await Promise.all(made.map((box) => box.kill().catch(() => undefined)));
  await rm(t.folder, { recursive: true });
});

for (const { method, route, check } of methods) {
  test(method, async () => {
    try {
      const difference = await check(t);
      verdicts.push({ method, route, verdict: difference ? "differs" : "works", note: difference ?? "" });
    } catch (error) {
      if (!(error instanceof PandaStackError) || error.statusCode !== 501) throw error;
      const sentence = error.message.charAt(0).toUpperCase() + error.message.slice(1);
      verdicts.push({ method, route, verdict: "refused", note: `${sentence}.` });
    }
  });
}

const own = (object) => Object.getOwnPropertyNames(object).filter((name) => name !== "constructor" && !name.startsWith("_"));
const callable = (object, name) => typeof Object.getOwnPropertyDescriptor(object, name).value === "function";

test("no method in scope is forgotten", () => {
  const named = new Set(methods.map(({ method }) => method.replace(/\(.*/, "")));
  const expected = ["client.me", "client.request"];
  const add = (prefix, object) => expected.push(...own(object).filter((name) => callable(object, name)).map((name) => prefix + name));
  add("Sandbox.", Object.fromEntries(own(Sandbox).filter((n) => typeof Sandbox[n] === "function").map((n) => [n, Sandbox[n]])));
  add("sandbox.", Sandbox.prototype);
  add("codeContext.", CodeContext.prototype);
  for (const part of ["filesystem", "commands"]) {
    add(part === "commands" ? "sandbox.commands." : "filesystem.", Object.getPrototypeOf(t.box[part]));
  }
  for (const part of Object.keys(client).filter((name) => typeof client[name] === "object")) {
    if (!outOfScope.includes(part)) add(`client.${part}.`, Object.getPrototypeOf(client[part]));
  }
  assert.deepEqual(expected.filter((name) => !named.has(name)), []);
  assert.ok(expected.length > 60, `${expected.length} methods: the package does not look as expected`);
});

test("what is out of scope is answered: not supported", async () => {
  const calls = outOfScope.flatMap((part) => own(Object.getPrototypeOf(client[part])).map((name) => [part, name]));
  assert.ok(calls.length > 40);
  const refuse = async ([part, name]) => {
    const call = async () => {
      const answer = client[part][name](...(name === "deploy" && part === "functions" ? [{ name: "x", runtime: "nodejs", code: "x" }] : ["x", "nodejs", "x"]));
      if (answer?.[Symbol.asyncIterator]) for await (const _ of answer);
      return answer;
    };
    // deployBundle() and getCode() throw an Error of no type.
    await assert.rejects(call, (error) => /not supported|failed to get code: 404/.test(error.message), `${part}.${name}`);
  };
  await Promise.all(calls.map(refuse));
  refusedOutside = calls.length;
});

test("docs/compat-pandastack.md is what this run found", async () => {
  assert.equal(verdicts.length, methods.length, "a method has no verdict: its own test says why");
  const count = (verdict) => verdicts.filter((one) => one.verdict === verdict).length;
  const lines = verdicts.map(({ method, route, verdict, note }) => `| \`${method}\` | ${route === "none" ? "" : `\`${route}\``} | ${verdict} | ${note} |`);
  const text = `# Compatibility with PandaStack's client

<!-- Written by tests/pandastack: do not edit. BRIG_ACCEPT=1 ctest -R pandastack rewrites it. -->

The published \`@pandastack/sdk\` ${version} works against \`brig serve\` unmodified. Give it the daemon's address and a key whose prefix is
written \`pds_\` (the digits are the same): that spelling asks for PandaStack's dialect, in which a timeout is a failure of the request and a
sandbox that has ended is not found. The client's \`read\` and \`download\` take every file for UTF-8 text, whoever answers: fetch others with \`exec\` and
\`base64\`, or with [our SDK](../sdk/typescript/README.md).

    PANDASTACK_API=http://127.0.0.1:2744 PANDASTACK_API_KEY=pds_… node agent.mjs

Every method was driven against a daemon: ${count("works")} work, ${count("differs")} differ in what is said below, ${count("refused")} are refused with status 501 and the
sentence below.

| method | request | verdict | |
| --- | --- | --- | --- |
${lines.join("\n")}

Out of scope: hosting of functions, schedules, databases and apps. Their ${refusedOutside} methods are answered with 404, \`not supported\`.
`;
  if (process.env.BRIG_ACCEPT === "1") await writeFile(paper, text);
  assert.equal(await readFile(paper, "utf8").catch(() => "(there is none)"), text, "stale: BRIG_ACCEPT=1 rewrites it");
});
