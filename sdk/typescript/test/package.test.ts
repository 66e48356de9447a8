/** The package as somebody else gets it: packed, installed, and used by the example. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = process.env["BRIG_SOURCE_DIR"]!;
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "brig-sdk-"));
  await run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], { cwd: here });
  const [tarball] = await readdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", `./${tarball}`], { cwd: folder });
});
after(() => rm(folder, { recursive: true }));

test("the package has what it needs and nothing else, and depends on nothing", async () => {
  const installed = join(folder, "node_modules/@brig/sdk");
  assert.deepEqual((await readdir(installed)).sort(), ["LICENSE", "README.md", "dist", "package.json"]);
  assert.ok((await readdir(join(installed, "dist"))).every((name) => /\.(js|js\.map|d\.ts)$/.test(name)));
  assert.deepEqual(await readdir(join(folder, "node_modules/@brig")), ["sdk"]);
});

test("its types need no DOM", async () => {
  await nodeTypes();
  const program = 'import { Sandbox, Template } from "@brig/sdk";\nexport const made = [Sandbox.create({ libraries: ["pandas"] }), Template.import("x", new Uint8Array(1))];\n';
  await writeFile(join(folder, "plain.ts"), program);
  await compile("plain", "ES2022");
});

/** What a user of Node has installed beside it. */
async function nodeTypes(): Promise<void> {
  for (const name of ["@types", "undici-types"]) await cp(join(here, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
}

/** With every declaration looked at; the error says what the compiler said. */
async function compile(name: string, lib: string): Promise<void> {
  const flags = ["--target", "ES2022", "--module", "NodeNext", "--lib", lib, "--types", "node", "--strict", "--skipLibCheck", "false"];
  const ran = run(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), ...flags, `${name}.ts`], { cwd: folder });
  await ran.catch((error: { stdout: string }) => assert.fail(error.stdout));
}

/** Compiles a program as a user would, runs it and returns what it printed. */
async function runs(name: string): Promise<string> {
  await nodeTypes();
  await compile(name, "ES2022,ESNext.Disposable,DOM");
  return (await run(process.execPath, [`${name}.js`], { cwd: folder })).stdout;
}

test("examples/sdk/agent.ts works with it", async () => {
  await cp(join(source, "examples/sdk/agent.ts"), join(folder, "agent.ts"));
  assert.match(await runs("agent"), /^attempt 1: error \(exit code 1\)\nattempt 2: ok\n\{"words":9,"longest":"quick"\}\n$/);
});

test("what the READMEs show works", async () => {
  for (const [paper, mark] of [[join(source, "README.md"), "<!-- test sdk_typescript -->\n"], [join(here, "README.md"), ""]] as const) {
    const block = (await readFile(paper, "utf8")).split(`${mark}\`\`\`ts\n`)[1]!.split("```")[0];
    await writeFile(join(folder, "readme.ts"), `const modelCode = "print(6 * 7)";\n${block}`);
    assert.equal(await runs("readme"), "42\nok 0 42\n\n", paper);
  }
});
