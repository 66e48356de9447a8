/// sandbox.files, as far as it goes over the filesystem service; reading and writing are in files.mjs.
import assert from "node:assert/strict";
import { FileNotFoundError, InvalidArgumentError } from "e2b";
import { row } from "../methods.mjs";

/// The folder of the user, in which commands start.
const home = "/home/user";


export const title = "Files: entries and folders";
export const order = 4;
export const methods = [
  row("sandbox.files.list", "POST /filesystem.Filesystem/ListDir", async (t) => {
    await t.box.commands.run("mkdir -p list/b/deep list/a && touch list/b/2 list/b/deep/3 list/1.txt list/a.txt");
    const names = async (path, options) => (await t.box.files.list(path, options)).map((entry) => entry.path.slice(`${home}/list/`.length));
    assert.deepEqual(await names("list"), ["1.txt", "a", "a.txt", "b"]);
    assert.deepEqual(await names("list", { depth: 2 }), ["1.txt", "a", "a.txt", "b", "b/2", "b/deep"]);
    assert.deepEqual(await names("list", { depth: 3 }), ["1.txt", "a", "a.txt", "b", "b/2", "b/deep", "b/deep/3"]);
    assert.deepEqual(await names(`${home}/list/a`), []);
    const [first, second] = await t.box.files.list("list");
    assert.deepEqual([first.type, second.type], ["file", "dir"]);
    await assert.rejects(t.box.files.list("nowhere"), FileNotFoundError);
    await assert.rejects(t.box.files.list("list/1.txt"), InvalidArgumentError);
    await assert.rejects(t.box.files.list("list", { depth: 0 }), InvalidArgumentError);
    return "At most 10,000 entries in one answer, and 65 levels; more is an error.";
  }),
  row("sandbox.files.list(links)", "POST /filesystem.Filesystem/ListDir", async (t) => {
    await t.box.commands.run("mkdir -p links/folder && cd links && touch folder/inside && ln -s folder to-folder && ln -s folder/inside to-file && ln -s /nowhere broken && ln -s ring ring");
    const entries = await t.box.files.list("links");
    const said = entries.map(({ name, type, symlinkTarget }) => [name, type, symlinkTarget?.slice(home.length)]);
    assert.deepEqual(said, [["folder", "dir", undefined], ["to-file", "file", "/links/folder/inside"], ["to-folder", "dir", "/links/folder"]]);
    assert.deepEqual((await t.box.files.list("links/to-folder")).map((entry) => entry.path), [`${home}/links/to-folder/inside`]);
    assert.equal(await t.box.files.exists("links/broken"), true);
  }),
  row("sandbox.files.exists", "POST /filesystem.Filesystem/Stat", async (t) => {
    await t.box.files.write("exists.txt", "x");
    assert.equal(await t.box.files.exists("exists.txt"), true);
    assert.equal(await t.box.files.exists("/tmp"), true);
    assert.equal(await t.box.files.exists("not-there"), false);
    assert.equal(await t.box.files.exists("not-there/deeper"), false);
  }),
  row("sandbox.files.getInfo", "POST /filesystem.Filesystem/Stat", async (t) => {
    await t.box.files.write("info/file.txt", "four");
    const file = await t.box.files.getInfo("info/file.txt");
    assert.deepEqual(
      [file.name, file.type, file.path, file.size, file.mode, file.permissions, file.owner, file.group, file.symlinkTarget],
      ["file.txt", "file", `${home}/info/file.txt`, 4, 0o644, "-rw-r--r--", "user", "user", undefined],
    );
    assert.ok(Math.abs(file.modifiedTime - Date.now()) < 600_000);
    const folder = await t.box.files.getInfo("~/info");
    assert.deepEqual([folder.type, folder.mode, folder.permissions], ["dir", 0o755, "drwxr-xr-x"]);
    await t.box.commands.run("ln -s file.txt info/link");
    const link = await t.box.files.getInfo("info/link");
    assert.deepEqual([link.type, link.symlinkTarget, link.permissions], ["file", `${home}/info/file.txt`, "Lrwxrwxrwx"]);
    const outside = await t.box.files.getInfo("/usr");
    assert.deepEqual([outside.type, outside.owner], ["dir", "root"]);
    await assert.rejects(t.box.files.getInfo("not-there"), FileNotFoundError);
    return "Owner and group are told by the place: `user` below the folders in which programs may write, else `root`.";
  }),
  row("sandbox.files.makeDir", "POST /filesystem.Filesystem/MakeDir", async (t) => {
    assert.equal(await t.box.files.makeDir("made/of/many"), true);
    assert.equal(await t.box.files.makeDir("made/of/many"), false);
    assert.equal((await t.box.files.getInfo("made/of")).permissions, "drwxr-xr-x");
    await t.box.files.write("made/file", "");
    await assert.rejects(t.box.files.makeDir("made/file"), InvalidArgumentError);
    await assert.rejects(t.box.files.makeDir("/usr/made"));
  }),
  row("sandbox.files.rename", "POST /filesystem.Filesystem/Move", async (t) => {
    await t.box.files.write("rename/old.txt", "kept");
    const entry = await t.box.files.rename("rename/old.txt", "rename/new/folder/new.txt");
    assert.deepEqual([entry.name, entry.path, entry.type], ["new.txt", `${home}/rename/new/folder/new.txt`, "file"]);
    assert.equal(await t.box.files.exists("rename/old.txt"), false);
    assert.equal(await t.box.files.read("rename/new/folder/new.txt"), "kept");
    await t.box.files.rename("rename/new", "/tmp/renamed"); // another file system
    assert.equal(await t.box.files.read("/tmp/renamed/folder/new.txt"), "kept");
    assert.equal(await t.box.files.exists("rename/new"), false);
    await assert.rejects(t.box.files.rename("not-there", "anywhere"), FileNotFoundError);
  }),
  row("sandbox.files.remove", "POST /filesystem.Filesystem/Remove", async (t) => {
    await t.box.files.write("remove/a/b", "");
    await t.box.files.remove("remove/a/b");
    assert.equal(await t.box.files.exists("remove/a/b"), false);
    await t.box.files.write("remove/c/d", "");
    await t.box.files.remove("remove");
    assert.equal(await t.box.files.exists("remove"), false);
    await t.box.files.remove("not-there");
    await t.box.commands.run("mkdir kept && touch kept/file && ln -s kept link-to-kept");
    await t.box.files.remove("link-to-kept");
    assert.equal(await t.box.files.exists("kept/file"), true);
  }),
];
