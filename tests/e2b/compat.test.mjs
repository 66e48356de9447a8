/// Drives every method of the published e2b and @e2b/code-interpreter against a daemon (BRIG_API_URL, BRIG_API_KEY) and writes down what
/// came of it: docs/compat-e2b.md must be what this run found. BRIG_ACCEPT=1 rewrites it.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

// The clients read their settings when they are used: the two addresses and the key, as docs/e2b.md says.
const { BRIG_API_URL: apiUrl, BRIG_API_KEY: brigKey } = process.env;
const key = brigKey.replace(/^brig_/, "e2b_");
Object.assign(process.env, { E2B_API_URL: apiUrl, E2B_SANDBOX_URL: apiUrl, E2B_API_KEY: key });

const { Sandbox, Secret, Template, Volume } = await import("e2b");
const interpreter = await import("@e2b/code-interpreter");
const { Refused, sections } = await import("./methods.mjs");

const paper = join(process.env.BRIG_SOURCE_DIR, "docs/compat-e2b.md");
const { dependencies } = createRequire(import.meta.url)("./package.json");
const made = [];
const verdicts = new Map();
const t = {
  apiUrl,
  key,
  async make(template = "base", options = {}) {
    const box = await Sandbox.create(template, options);
    made.push(box);
    return box;
  },
};

before(async () => {
  t.folder = await mkdtemp(join(tmpdir(), "e2b-"));
  t.box = await t.make();
});

after(async () => {
  await Promise.all(made.map((box) => box.kill().catch(() => undefined)));
  await rm(t.folder, { recursive: true });
});

/// The daemon's own sentence in what a client makes of it.
function refusalIn(error) {
  if (error instanceof Refused) return error.message;
  const isOurs = /^501: /.test(error.message) || /unimplemented/.test(error.message);
  if (isOurs && !/HTTP 404/.test(error.message)) return error.message;
  throw error;
}
const sentenceOf = (message) => {
  const text = message.replace(/^\d{3}: /, "").replace(/^\[?unimplemented\]?:? /, "").replace(/\.?$/, ".");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

const parts = await sections();
for (const { methods } of parts) {
  for (const { method, check } of methods) {
    test(method, async () => {
      try {
        const difference = await check(t);
        verdicts.set(method, difference ? { verdict: "differs", note: difference } : { verdict: "works", note: "" });
      } catch (error) {
        verdicts.set(method, { verdict: "refused", note: sentenceOf(refusalIn(error)) });
      }
    });
  }
}

const own = (object) => Object.getOwnPropertyNames(object).filter((name) => !["constructor", "length", "name", "prototype"].includes(name) && !name.startsWith("_"));
const callable = (object) => own(object).filter((name) => typeof Object.getOwnPropertyDescriptor(object, name).value === "function");
/// What the packages keep to themselves.
const internal = new Set([
  "Sandbox.createSandbox", "Sandbox.connectSandbox", "Sandbox.forkSandbox", "sandbox.resolveApiOpts", "sandbox.fileUrl", "sandbox.commands.start",
  "sandbox.git.runGit", "sandbox.git.runShell", "sandbox.git.getRemoteUrl", "sandbox.git.resolveRemoteName", "sandbox.git.withRemoteCredentials",
  "sandbox.git.hasUpstream", "sandbox.getJupyterRequestUrl", "sandbox.handleRequestError",
]);

test("no method in scope is forgotten", () => {
  const named = new Set(parts.flatMap(({ methods }) => methods.map(({ method }) => method.replace(/\(.*/, ""))));
  const expected = [];
  const add = (prefix, object) => expected.push(...callable(object).map((name) => prefix + name));
  add("Sandbox.", Sandbox);
  add("Sandbox.", Object.getPrototypeOf(Sandbox));
  add("sandbox.", Sandbox.prototype);
  for (const part of ["files", "commands", "pty", "git"]) add(`sandbox.${part}.`, Object.getPrototypeOf(t.box[part]));
  add("sandbox.", interpreter.Sandbox.prototype);
  add("Template.", Template);
  add("Volume.", Volume);
  add("Secret.", Secret);
  const forgotten = expected.filter((name) => !named.has(name) && !internal.has(name));
  assert.deepEqual(forgotten, []);
  assert.ok(expected.length > 80, `${expected.length} methods: the packages do not look as expected`);
});

test("docs/compat-e2b.md is what this run found", async () => {
  const all = parts.flatMap(({ methods }) => methods.map(({ method }) => method));
  assert.equal(new Set(all).size, all.length, "a method has two rows of the same name");
  assert.deepEqual(all.filter((method) => !verdicts.has(method)), [], "a method has no verdict: its own test says why");
  const count = (verdict) => [...verdicts.values()].filter((one) => one.verdict === verdict).length;
  const table = ({ title, methods }) => `## ${title}

| method | request | verdict | |
| --- | --- | --- | --- |
${methods.map(({ method, route }) => `| \`${method}\` | ${route ? `\`${route}\`` : ""} | ${verdicts.get(method).verdict} | ${verdicts.get(method).note} |`).join("\n")}
`;
  const text = `# Compatibility with E2B's clients

<!-- Written by tests/e2b: do not edit. BRIG_ACCEPT=1 ctest -R e2b_js rewrites it. -->

The published \`e2b\` ${dependencies.e2b} and \`@e2b/code-interpreter\` ${dependencies["@e2b/code-interpreter"]} work against \`brig serve\` unmodified, pointed at it by
environment variables; [e2b.md](e2b.md) says how, and what differs everywhere.

Every method was driven against a daemon: ${count("works")} work, ${count("differs")} differ in what is said below, ${count("refused")} are refused with the sentence below.

${parts.map(table).join("\n")}`;
  if (process.env.BRIG_ACCEPT === "1") await writeFile(paper, text);
  assert.equal(await readFile(paper, "utf8").catch(() => "(there is none)"), text, "stale: BRIG_ACCEPT=1 rewrites it");
});
