/// sandbox.git: the client's own shell commands around git, which the sandbox's template must have.
import assert from "node:assert/strict";
import { CommandExitError } from "e2b";
import { row as any } from "../methods.mjs";

/// The folder of the user, in which commands start.
const home = "/home/user";


const row = (method, check) => any(method, "", check);

/// A repository of one commit, of its own.
async function repository(t, name) {
  const path = `git-tests/${name}`;
  await t.box.git.init(path, { initialBranch: "main" });
  await t.box.git.configureUser("A. Tester", "tester@example.com", { scope: "local", path });
  await t.box.files.write(`${path}/README.md`, "one\n");
  await t.box.git.add(path);
  await t.box.git.commit(path, "Begin");
  return path;
}

/// A bare repository that `git daemon` inside serves on its loopback.
async function served(t, name) {
  const base = `${home}/git-served/${name}`;
  const url = `git://127.0.0.1:9418/${name}.git`;
  await t.box.git.init(`${base}.git`, { bare: true, initialBranch: "main" });
  const root = `${home}/git-served`;
  await t.box.commands.run(
    `grep -q ':24CA .* 0A ' /proc/net/tcp || { (git daemon --listen=127.0.0.1 --base-path=${root} --export-all --enable=receive-pack ${root} >/dev/null 2>&1 &); until grep -q ':24CA .* 0A ' /proc/net/tcp; do sleep 0.05; done; }`,
  );
  return url;
}

export const title = "Git";
export const order = 6;
export const methods = [
  row("sandbox.git.init", async (t) => {
    await t.box.git.init("git-tests/init", { initialBranch: "trunk" });
    assert.equal((await t.box.git.status("git-tests/init")).currentBranch, "trunk");
  }),
  row("sandbox.git.add", async (t) => {
    const path = await repository(t, "add");
    await t.box.files.write(`${path}/new.txt`, "x");
    await t.box.git.add(path, { files: ["new.txt"] });
    assert.deepEqual((await t.box.git.status(path)).fileStatus.map(({ name, status, staged }) => [name, status, staged]), [["new.txt", "added", true]]);
  }),
  row("sandbox.git.commit", async (t) => {
    const path = await repository(t, "commit");
    await t.box.git.commit(path, "Empty one", { allowEmpty: true, authorName: "Somebody Else", authorEmail: "else@example.com" });
    assert.equal((await t.box.commands.run("git log --format='%an %s' -1", { cwd: path })).stdout, "Somebody Else Empty one\n");
    await assert.rejects(t.box.git.commit(path, "Nothing"), CommandExitError);
  }),
  row("sandbox.git.status", async (t) => {
    const path = await repository(t, "status");
    await t.box.files.write(`${path}/README.md`, "two\n");
    const status = await t.box.git.status(path);
    assert.deepEqual([status.currentBranch, status.ahead, status.behind, status.detached, status.fileStatus.length], ["main", 0, 0, false, 1]);
    assert.equal(status.fileStatus[0].name, "README.md");
  }),
  row("sandbox.git.branches", async (t) => {
    const path = await repository(t, "branches");
    assert.deepEqual(await t.box.git.branches(path), { currentBranch: "main", branches: ["main"] });
  }),
  row("sandbox.git.createBranch", async (t) => {
    const path = await repository(t, "create-branch");
    await t.box.git.createBranch(path, "feature");
    const both = await t.box.git.branches(path);
    assert.deepEqual([both.currentBranch, both.branches.toSorted()], ["feature", ["feature", "main"]]);
  }),
  row("sandbox.git.checkoutBranch", async (t) => {
    const path = await repository(t, "checkout-branch");
    await t.box.git.createBranch(path, "feature");
    await t.box.git.checkoutBranch(path, "main");
    assert.equal((await t.box.git.status(path)).currentBranch, "main");
  }),
  row("sandbox.git.deleteBranch", async (t) => {
    const path = await repository(t, "delete-branch");
    await t.box.git.createBranch(path, "feature");
    await t.box.git.checkoutBranch(path, "main");
    await t.box.git.deleteBranch(path, "feature", { force: true });
    assert.deepEqual((await t.box.git.branches(path)).branches, ["main"]);
  }),
  row("sandbox.git.reset", async (t) => {
    const path = await repository(t, "reset");
    await t.box.files.write(`${path}/README.md`, "two\n");
    await t.box.git.reset(path, { mode: "hard", target: "HEAD" });
    assert.equal(await t.box.files.read(`${path}/README.md`), "one\n");
  }),
  row("sandbox.git.restore", async (t) => {
    const path = await repository(t, "restore");
    await t.box.files.write(`${path}/README.md`, "two\n");
    await t.box.git.add(path);
    await t.box.git.restore(path, { paths: ["README.md"], staged: true });
    await t.box.git.restore(path, { paths: ["README.md"] });
    assert.equal(await t.box.files.read(`${path}/README.md`), "one\n");
  }),
  row("sandbox.git.setConfig", async (t) => {
    const path = await repository(t, "set-config");
    await t.box.git.setConfig("pull.rebase", "false", { scope: "local", path });
    assert.equal((await t.box.commands.run("git config --local pull.rebase", { cwd: path })).stdout, "false\n");
  }),
  row("sandbox.git.getConfig", async (t) => {
    const path = await repository(t, "get-config");
    assert.equal(await t.box.git.getConfig("user.name", { scope: "local", path }), "A. Tester");
    assert.equal(await t.box.git.getConfig("no.such", { scope: "local", path }), undefined);
  }),
  row("sandbox.git.configureUser", async (t) => {
    await t.box.git.configureUser("Global Name", "global@example.com");
    assert.equal(await t.box.git.getConfig("user.email"), "global@example.com");
  }),
  row("sandbox.git.remoteAdd", async (t) => {
    const path = await repository(t, "remote-add");
    await t.box.git.remoteAdd(path, "origin", "https://example.com/a.git");
    await t.box.git.remoteAdd(path, "origin", "https://example.com/b.git", { overwrite: true });
    assert.equal((await t.box.commands.run("git remote get-url origin", { cwd: path })).stdout, "https://example.com/b.git\n");
  }),
  row("sandbox.git.remoteGet", async (t) => {
    const path = await repository(t, "remote-get");
    await t.box.git.remoteAdd(path, "origin", "https://example.com/a.git");
    assert.equal(await t.box.git.remoteGet(path, "origin"), "https://example.com/a.git");
    assert.equal(await t.box.git.remoteGet(path, "upstream"), undefined);
  }),
  row("sandbox.git.push", async (t) => {
    const url = await served(t, "push");
    const path = await repository(t, "push");
    await t.box.git.remoteAdd(path, "origin", url);
    await t.box.git.push(path, { remote: "origin", branch: "main" });
    assert.match((await t.box.commands.run(`git ls-remote ${url}`)).stdout, /refs\/heads\/main/);
    return "To servers inside the sandbox: it has no network.";
  }),
  row("sandbox.git.clone", async (t) => {
    const url = await served(t, "clone");
    const path = await repository(t, "clone");
    await t.box.git.remoteAdd(path, "origin", url);
    await t.box.git.push(path, { remote: "origin", branch: "main" });
    await t.box.git.clone(url, { path: "git-tests/cloned", branch: "main", depth: 1 });
    assert.equal(await t.box.files.read("git-tests/cloned/README.md"), "one\n");
    await assert.rejects(t.box.git.clone("https://example.com/a.git", { path: "git-tests/outside" }), CommandExitError);
    return "From servers inside the sandbox: it has no network.";
  }),
  row("sandbox.git.pull", async (t) => {
    const url = await served(t, "pull");
    const path = await repository(t, "pull");
    await t.box.git.remoteAdd(path, "origin", url);
    await t.box.git.push(path, { remote: "origin", branch: "main" });
    await t.box.git.clone(url, { path: "git-tests/pulled" });
    await t.box.files.write(`${path}/README.md`, "two\n");
    await t.box.git.add(path);
    await t.box.git.commit(path, "Go on");
    await t.box.git.push(path);
    await t.box.git.pull("git-tests/pulled");
    assert.equal(await t.box.files.read("git-tests/pulled/README.md"), "two\n");
    return "From servers inside the sandbox: it has no network.";
  }),
  row("sandbox.git.dangerouslyAuthenticate", async (t) => {
    await t.box.git.dangerouslyAuthenticate({ username: "somebody", password: "a-token", host: "example.com" });
    assert.equal(await t.box.files.read("~/.git-credentials"), "https://somebody:a-token@example.com\n");
  }),
];
