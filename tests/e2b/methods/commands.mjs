/// sandbox.commands: programs inside, their output, input and end.
import assert from "node:assert/strict";
import { AuthenticationError, CommandExitError, InvalidArgumentError, NotFoundError, SandboxNotFoundError, TimeoutError } from "e2b";
import { row } from "../methods.mjs";

/// The folder of the user, in which commands start.
const home = "/home/user";

const until = async (holds) => {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `it never came: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

export const title = "Commands";
export const order = 2;
export const methods = [
  row("sandbox.commands.run", "POST /process.Process/Start", async (t) => {
    const heard = [];
    const result = await t.box.commands.run("echo out; echo err >&2; echo $SHELL_LEVEL_TEST; pwd; id -un", {
      envs: { SHELL_LEVEL_TEST: "set" },
      onStdout: (piece) => heard.push(piece),
    });
    assert.deepEqual([result.stdout, result.stderr, result.exitCode, result.error], [`out\nset\n${home}\nuser\n`, "err\n", 0, undefined]);
    assert.equal(heard.join(""), result.stdout);
    await assert.rejects(t.box.commands.run("echo said; exit 3"), (error) => {
      assert.ok(error instanceof CommandExitError);
      assert.deepEqual([error.exitCode, error.stdout, error.error], [3, "said\n", "exit status 3"]);
      return true;
    });
    await assert.rejects(t.box.commands.run("kill -SEGV $$"), (error) => error.exitCode === -1 && error.error === "signal: segmentation fault");
    return "A program and its arguments and variables are 64 KiB at most; what it prints is kept up to the sandbox's `output_total`, also if nobody listens.";
  }),
  row("sandbox.commands.run(long output)", "POST /process.Process/Start", async (t) => {
    const result = await t.box.commands.run("printf 'h\\xc3\\xa9llo \\xe2\\x82\\xac \\xf0\\x9f\\x98\\x80'; head -c 300000 /dev/zero | tr '\\0' x");
    assert.equal(result.stdout, "héllo € 😀" + "x".repeat(300000));
  }),
  row("sandbox.commands.run({cwd})", "POST /process.Process/Start", async (t) => {
    await t.box.files.makeDir("commands/cwd");
    assert.equal((await t.box.commands.run("pwd", { cwd: "/tmp" })).stdout, "/tmp\n");
    assert.equal((await t.box.commands.run("pwd", { cwd: "commands/cwd" })).stdout, `${home}/commands/cwd\n`);
    assert.equal((await t.box.commands.run("pwd", { cwd: "~/commands" })).stdout, `${home}/commands\n`);
    await assert.rejects(t.box.commands.run("pwd", { cwd: "/nowhere" }), (error) => error instanceof InvalidArgumentError && /cwd '\/nowhere' does not exist/.test(error.message));
  }),
  row("sandbox.commands.run({envs})", "POST /process.Process/Start", async (t) => {
    const box = await t.make("base", { envs: { FROM_SANDBOX: "one", BOTH: "sandbox" } });
    const said = await box.commands.run('echo "$FROM_SANDBOX $BOTH $HOME $USER $LOGNAME"', { envs: { BOTH: "command" } });
    assert.equal(said.stdout, `one command ${home} user user\n`);
    assert.equal((await box.commands.run('echo "$BOTH"')).stdout, "sandbox\n");
  }),
  row("sandbox.commands.run({user})", "POST /process.Process/Start", async (t) => {
    assert.equal((await t.box.commands.run("id -un", { user: "user" })).stdout, "user\n");
    await assert.rejects(t.box.commands.run("id -un", { user: "root123" }), AuthenticationError);
    await assert.rejects(t.box.files.exists("x", { user: "root123" }), (error) => error instanceof AuthenticationError && /invalid username: 'root123'/.test(error.message));
    await assert.rejects(t.box.commands.run("id -un", { user: "root" }), AuthenticationError);
    return "Programs run as `user` and as nobody else: `root` is refused like a name that is not there, and there is no `sudo`.";
  }),
  row("sandbox.commands.run({timeoutMs})", "POST /process.Process/Start", async (t) => {
    await assert.rejects(t.box.commands.run("echo $$ > deadline.pid; exec sleep 60", { timeoutMs: 500 }), TimeoutError);
    const pid = Number(await t.box.files.read("deadline.pid"));
    await until(async () => (await t.box.commands.run(`kill -0 ${pid} 2>/dev/null && echo runs || echo ended`)).stdout === "ended\n");
    assert.equal((await t.box.commands.run("sleep 0.2; echo done", { timeoutMs: 0 })).stdout, "done\n");
  }),
  row("sandbox.commands.run({background})", "POST /process.Process/Start", async (t) => {
    const handle = await t.box.commands.run("read line; echo got $line", { background: true, stdin: true });
    assert.equal((await t.box.commands.run(`kill -0 ${handle.pid} && echo runs`)).stdout, "runs\n");
    await handle.sendStdin("a line\n");
    assert.equal((await handle.wait()).stdout, "got a line\n");
    assert.equal(handle.exitCode, 0);
  }),
  row("sandbox.commands.list", "POST /process.Process/List", async (t) => {
    const handle = await t.box.commands.run("sleep 60", { background: true, cwd: "/tmp", envs: { LISTED: "yes" } });
    const one = (await t.box.commands.list()).find((process) => process.pid === handle.pid);
    assert.deepEqual([one.cmd, one.args, one.cwd, one.envs.LISTED], ["/bin/bash", ["-l", "-c", "sleep 60"], "/tmp", "yes"]);
    await handle.kill();
    await until(async () => !(await t.box.commands.list()).some((process) => process.pid === handle.pid));
  }),
  row("sandbox.commands.kill", "POST /process.Process/SendSignal", async (t) => {
    const handle = await t.box.commands.run("sleep 60", { background: true });
    assert.equal(await t.box.commands.kill(handle.pid), true);
    await assert.rejects(handle.wait(), (error) => error instanceof CommandExitError && error.exitCode === -1 && error.error === "signal: killed");
    assert.equal(await t.box.commands.kill(handle.pid), false);
    assert.equal(await t.box.commands.kill(999999), false);
    return "The signal goes to the whole process group of the command.";
  }),
  row("sandbox.commands.sendStdin", "POST /process.Process/SendInput", async (t) => {
    const handle = await t.box.commands.run("cat", { background: true, stdin: true });
    const text = "é€😀 ".repeat(20000);
    await t.box.commands.sendStdin(handle.pid, "");
    await t.box.commands.sendStdin(handle.pid, text);
    await t.box.commands.sendStdin(handle.pid, new Uint8Array([0x2e, 0x0a]));
    await until(() => handle.stdout.length === text.length + 2);
    assert.equal(handle.stdout, text + ".\n");
    await handle.kill();
    await assert.rejects(t.box.commands.sendStdin(999999, "x"), NotFoundError);
    const without = await t.box.commands.run("sleep 60", { background: true });
    await assert.rejects(t.box.commands.sendStdin(without.pid, "x"));
    await without.kill();
  }),
  row("sandbox.commands.closeStdin", "POST /process.Process/CloseStdin", async (t) => {
    const handle = await t.box.commands.run("wc -c", { background: true, stdin: true });
    await handle.sendStdin("12345");
    await handle.closeStdin();
    assert.equal((await handle.wait()).stdout.trim(), "5");
  }),
  row("sandbox.commands.connect", "POST /process.Process/Connect", async (t) => {
    const first = await t.box.commands.run("echo before; read line; echo after $line; exit 7", { background: true, stdin: true });
    await until(() => first.stdout === "before\n");
    await first.disconnect(); // the command goes on
    const second = await t.box.commands.connect(first.pid);
    assert.equal(second.pid, first.pid);
    await second.sendStdin("this\n");
    await assert.rejects(second.wait(), (error) => error.exitCode === 7 && error.stdout === "after this\n");
    // One that has ended is remembered for a while: start and end, nothing between.
    const late = await t.box.commands.connect(first.pid);
    await assert.rejects(late.wait(), (error) => error.exitCode === 7 && error.stdout === "");
    await assert.rejects(t.box.commands.connect(999999), (error) => error instanceof NotFoundError && /process with pid 999999 not found/.test(error.message));
  }),
  row("sandbox.commands.connect(twice)", "POST /process.Process/Connect", async (t) => {
    const first = await t.box.commands.run("read line; echo $line", { background: true, stdin: true });
    const second = await t.box.commands.connect(first.pid);
    await first.sendStdin("both\n");
    assert.deepEqual((await Promise.all([first.wait(), second.wait()])).map((result) => result.stdout), ["both\n", "both\n"]);
  }),
  row("sandbox.commands.run(in a sandbox that is killed)", "POST /process.Process/Start", async (t) => {
    const box = await t.make();
    const handle = await box.commands.run("sleep 60", { background: true });
    const failed = assert.rejects(handle.wait(), (error) => error instanceof TimeoutError && /killed or reached its end of life/.test(error.message));
    await box.kill();
    await failed;
    await assert.rejects(box.commands.run("true"), SandboxNotFoundError);
  }),
];
