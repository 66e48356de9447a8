/// What our papers show for E2B's client, run with it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const { BRIG_API_URL: url, BRIG_API_KEY: key, BRIG_SOURCE_DIR: source } = process.env;

test("README.md", async () => {
  const block = (await readFile(join(source, "README.md"), "utf8")).split("<!-- test e2b -->\n```js\n")[1].split("```")[0];
  const file = fileURLToPath(new URL("./readme.mjs", import.meta.url)); // here, so that the package is found
  await writeFile(file, block);
  try {
    const env = { ...process.env, E2B_API_URL: url, E2B_SANDBOX_URL: url, E2B_API_KEY: key.replace(/^brig_/, "e2b_") };
    assert.equal((await promisify(execFile)(process.execPath, [file], { env })).stdout, "42\n\n");
  } finally {
    await rm(file);
  }
});
