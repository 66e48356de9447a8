/// sandbox.files.watchDir: being told of changes.
import assert from "node:assert/strict";
import { FileNotFoundError, InvalidArgumentError } from "e2b";
import { row } from "../methods.mjs";

/// The folder of the user, in which commands start.
const home = "/home/user";


/// The changes of one folder as they come; `next` waits for one that is meant.
async function watch(box, path, options = {}) {
  const seen = [];
  const waiting = new Set();
  const handle = await box.files.watchDir(path, (event) => {
    seen.push(event);
    for (const look of [...waiting]) look();
  }, { timeoutMs: 0, ...options });
  const next = (type, name) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`no ${type} of ${name}: ${JSON.stringify(seen)}`)), 20_000).unref();
      const look = () => {
        const event = seen.find((one) => one.type === type && one.name === name);
        if (!event) return;
        waiting.delete(look);
        resolve(event);
      };
      waiting.add(look);
      look();
    });
  return { handle, next, seen };
}

export const title = "Files: watching";
export const order = 5;
export const methods = [
  row("sandbox.files.watchDir", "POST /filesystem.Filesystem/WatchDir", async (t) => {
    await t.box.files.write("watch/old.txt", "1");
    const { handle, next, seen } = await watch(t.box, "watch");
    await t.box.files.write("watch/old.txt", "2");
    await next("write", "old.txt");
    await t.box.commands.run("cd watch; echo x > new.txt; mv new.txt moved.txt; rm moved.txt; mkdir sub; touch sub/unseen");
    await next("create", "new.txt");
    await next("rename", "new.txt");
    await next("create", "moved.txt");
    await next("remove", "moved.txt");
    await next("create", "sub");
    assert.equal(seen.some(({ name }) => name.includes("unseen")), false);
    assert.equal(seen.every(({ entry }) => entry === undefined), true);
    await handle.stop();
    await assert.rejects(t.box.files.watchDir("not-there", () => {}), FileNotFoundError);
    await assert.rejects(t.box.files.watchDir("watch/old.txt", () => {}), InvalidArgumentError);
    return "A change of mode or times is a `write`, never a `chmod`. What is lost because it came too fast ends the watch with an error.";
  }),
  row("sandbox.files.watchDir({recursive})", "POST /filesystem.Filesystem/WatchDir", async (t) => {
    await t.box.files.makeDir("deep/there");
    const { handle, next } = await watch(t.box, "deep", { recursive: true });
    await t.box.files.write("deep/there/file", "1");
    await next("create", "there/file");
    await t.box.files.makeDir("deep/later");
    await next("create", "later");
    await t.box.files.write("deep/later/file", "1");
    await next("create", "later/file");
    await handle.stop();
  }),
  row("sandbox.files.watchDir({includeEntry})", "POST /filesystem.Filesystem/WatchDir", async (t) => {
    await t.box.files.makeDir("entries");
    const { handle, next } = await watch(t.box, "entries", { includeEntry: true });
    await t.box.files.write("entries/file", "12345");
    const { entry } = await next("create", "file");
    assert.deepEqual([entry.path, entry.size, entry.type], [`${home}/entries/file`, 5, "file"]);
    await t.box.files.remove("entries/file");
    assert.equal((await next("remove", "file")).entry, undefined);
    await handle.stop();
  }),
  row("sandbox.files.watchDir(a folder that goes)", "POST /filesystem.Filesystem/WatchDir", async (t) => {
    await t.box.files.makeDir("going");
    let left;
    const over = new Promise((resolve) => (left = resolve));
    await t.box.files.watchDir("going", () => {}, { timeoutMs: 0, onExit: left });
    await t.box.files.remove("going");
    assert.equal(await over, undefined);
  }),
];
