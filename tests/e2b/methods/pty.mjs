/// sandbox.pty: terminals.
import assert from "node:assert/strict";
import { NotFoundError } from "e2b";
import { row } from "../methods.mjs";

const until = async (holds) => {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `it never came: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/// A terminal and what it has shown.
async function open(box, options = {}) {
  const seen = { text: "" };
  const decoder = new TextDecoder();
  const handle = await box.pty.create({ cols: 80, rows: 24, timeoutMs: 0, onData: (bytes) => (seen.text += decoder.decode(bytes, { stream: true })), ...options });
  return { handle, seen };
}

export const title = "Terminals";
export const order = 2.5;
export const methods = [
  row("sandbox.pty.create", "POST /process.Process/Start", async (t) => {
    const { handle, seen } = await open(t.box, { envs: { ABC: "123" }, cwd: "/tmp" });
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode('echo "$ABC:$TERM:$PWD"; tty >/dev/null && echo is""atty; exit\n'));
    assert.equal((await handle.wait()).exitCode, 0);
    assert.match(seen.text, /123:xterm-256color:\/tmp\r\n/);
    assert.match(seen.text, /isatty/);
  }),
  row("sandbox.pty.sendInput", "POST /process.Process/SendInput", async (t) => {
    const { handle, seen } = await open(t.box);
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode("echo $((6 * 7))é\n"));
    await until(() => seen.text.includes("42é"));
    await t.box.pty.sendInput(handle.pid, new Uint8Array([4])); // Ctrl+D
    assert.equal((await handle.wait()).exitCode, 0);
    await assert.rejects(t.box.pty.sendInput(999999, new Uint8Array([4])), NotFoundError);
    const plain = await t.box.commands.run("sleep 60", { background: true, stdin: true });
    await assert.rejects(t.box.pty.sendInput(plain.pid, new Uint8Array([4])), /no terminal/);
    await plain.kill();
  }),
  row("sandbox.pty.resize", "POST /process.Process/Update", async (t) => {
    const { handle, seen } = await open(t.box, { cols: 81, rows: 24 });
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode("tput cols\n"));
    await until(() => /\r81\r\n/.test(seen.text));
    await t.box.pty.resize(handle.pid, { cols: 101, rows: 30 });
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode("tput cols; stty size; exit\n"));
    await handle.wait();
    assert.match(seen.text, /\r101\r\n30 101\r\n/);
  }),
  row("sandbox.pty.connect", "POST /process.Process/Connect", async (t) => {
    const { handle, seen } = await open(t.box);
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode("FOO=bar; echo is$FOO\n"));
    await until(() => seen.text.includes("isbar"));
    await handle.disconnect();
    let more = "";
    const again = await t.box.pty.connect(handle.pid, { onData: (bytes) => (more += new TextDecoder().decode(bytes)) });
    assert.equal(again.pid, handle.pid);
    await t.box.pty.sendInput(handle.pid, new TextEncoder().encode("echo still$FOO; exit\n"));
    await again.wait();
    assert.match(more, /stillbar/);
    assert.doesNotMatch(more, /isbar/);
  }),
  row("sandbox.pty.kill", "POST /process.Process/SendSignal", async (t) => {
    const { handle } = await open(t.box);
    const ended = assert.rejects(handle.wait(), (error) => error.exitCode === -1);
    assert.equal(await t.box.pty.kill(handle.pid), true);
    await ended;
    assert.equal(await t.box.pty.kill(handle.pid), false);
    assert.equal(await t.box.pty.kill(999999), false);
  }),
];
