/// What our papers show for PandaStack's client, run with it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const source = process.env.BRIG_SOURCE_DIR;
const environment = {
  ...process.env,
  PANDASTACK_API: process.env.BRIG_API_URL,
  PANDASTACK_API_KEY: process.env.BRIG_API_KEY.replace(/^brig_/, "pds_"),
};
const run = (...words) => promisify(execFile)(process.execPath, words, { env: environment, cwd: fileURLToPath(new URL(".", import.meta.url)) });

/// A folder below this one, so that the package is found from there.
async function inFolder(work) {
  const folder = await mkdtemp(fileURLToPath(new URL("./papers-", import.meta.url)));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("README.md", () =>
  inFolder(async (folder) => {
    const block = (await readFile(join(source, "README.md"), "utf8")).split("<!-- test pandastack -->\n```js\n")[1].split("```")[0];
    await writeFile(join(folder, "readme.mjs"), block);
    assert.equal((await run(join(folder, "readme.mjs"))).stdout, "0 42\n\n");
  }));

test("examples/sdk/pandastack.mjs", () =>
  inFolder(async (folder) => {
    await cp(join(source, "examples/sdk/pandastack.mjs"), join(folder, "agent.mjs"));
    const chart = join(folder, "chart.svg");
    const { stdout } = await run(join(folder, "agent.mjs"), join(source, "examples/weather/seattle-weather.csv"), chart);
    assert.match(stdout, /^8 is the warmest month: \d+\.\d degrees\n/);
    assert.match(await readFile(chart, "utf8"), /^<\?xml[^]*<svg/);
  }));
