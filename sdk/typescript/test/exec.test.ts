import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, CommandError, ConflictError, NotFoundError } from "@brig/sdk";
import { forAllTests, text } from "./live.js";

const sandbox = await forAllTests({ limits: { output: "4K" } });

async function lastIsKilled(): Promise<void> {
  const { id } = (await sandbox.processes()).pop()!;
  assert.equal((await sandbox.process(id).wait()).signal, 9);
}

test("a text goes through the shell, a list does not", async () => {
  const shell = await sandbox.exec("echo $((6*7)); echo oops >&2; exit 3");
  assert.deepEqual([shell.status, shell.exitCode, shell.signal, shell.stdout, shell.stderr], ["error", 3, null, "42\n", "oops\n"]);
  assert.deepEqual([shell.stdoutBytes, shell.stderrBytes, shell.stdoutElided, shell.limitsHit], [3, 5, 0, []]);
  assert.equal((await sandbox.exec(["echo", "$HOME"])).stdout, "$HOME\n");
});

test("working folder, variables and input", async () => {
  const result = await sandbox.exec("pwd; echo $A; cat", { cwd: "/tmp", env: { A: "b c" }, stdin: "häh" });
  assert.equal(result.stdout, "/tmp\nb c\nhäh");
  assert.equal((await sandbox.exec("wc -c", { stdin: new Uint8Array([0, 255, 254]) })).stdout.trim(), "3");
  assert.equal((await sandbox.exec("wc -c", { stdin: "x".repeat(3_000_000) })).stdout.trim(), "3000000");
  assert.equal((await sandbox.exec("cat")).stdout, "");
  // A program that does not want its input is no failure.
  assert.equal((await sandbox.exec("true", { stdin: new Uint8Array(3_000_000) })).status, "ok");
});

test("how it ended is a value", async () => {
  const statuses = [];
  for (const command of ["true", "false", "kill -9 $$", "sleep 60"]) {
    const result = await sandbox.exec(command, { timeoutSeconds: command.startsWith("sleep") ? 0.2 : 20 });
    statuses.push([result.status, result.exitCode, result.signal]);
  }
  assert.deepEqual(statuses, [["ok", 0, null], ["error", 1, null], ["signal", 137, 9], ["timeout", 124, null]]);
});

test("check turns it into an error that has the result", async () => {
  await sandbox.exec("true", { check: true });
  await assert.rejects(sandbox.exec("echo why >&2; exit 7", { check: true }), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.message, "the command ended with error (exit code 7): why");
    assert.equal(error.result.exitCode, 7);
    return true;
  });
});

test("callbacks get output as it comes, in whole characters", async () => {
  const pieces: string[] = [];
  // The command goes on only when the first line has been heard of here.
  const result = await sandbox.exec("printf '\\342\\202'; sleep 0.1; printf '\\254 one\\n'; until [ -e go ]; do sleep 0.02; done; echo two >&2", {
    onStdout: (piece) => {
      pieces.push(piece);
      void sandbox.filesystem.write("/workspace/go", "");
    },
    onStderr: (piece) => pieces.push(`E${piece}`),
    timeoutSeconds: 20,
  });
  assert.deepEqual([pieces, result.status], [["€ one\n", "Etwo\n"], "ok"]);
  assert.deepEqual([result.stdout, result.stderr], ["€ one\n", "two\n"]);
});

test("a callback that fails ends the call and the command", async () => {
  const boom = new Error("boom");
  await assert.rejects(sandbox.exec("echo x; exec sleep 1000", { onStdout: () => { throw boom; } }), (error) => error === boom);
  await lastIsKilled();
});

test("more output than fits is bounded, and what is left out is said and can be had", async () => {
  const result = await sandbox.exec("seq 100000");
  assert.ok(result.stdout.length < 4400);
  assert.ok(result.stdout.startsWith("1\n2\n") && result.stdout.endsWith("99999\n100000\n"));
  assert.match(result.stdout, /bytes elided/);
  assert.equal(result.stdoutBytes, 588895);
  assert.equal(result.stdoutElided, 588895 - 4096);
  let all = "";
  for await (const chunk of sandbox.process(result.processId)) all += chunk.text;
  assert.equal(all.length, 588895);
});

test("aborting kills the command and gives the signal's reason", async () => {
  const abort = new AbortController();
  const reason = new Error("changed my mind");
  await assert.rejects(sandbox.exec("echo up; exec sleep 1000", { signal: abort.signal, onStdout: () => abort.abort(reason) }), (error) => error === reason);
  await lastIsKilled();
  await assert.rejects(sandbox.exec("true", { signal: AbortSignal.abort(reason) }), (error) => error === reason);
});

test("a process in the background: output from an offset, input, signals, its end", async () => {
  const process = await sandbox.exec("echo up; while read line; do echo got $line; done; echo bye >&2", { background: true, keepStdin: true });
  assert.ok(process.pid! > 0);
  assert.equal((await process.info()).running, true);
  const output = process.output();
  assert.equal((await output.next()).value!.text, "up\n");
  await process.sendStdin("one\n");
  const second = (await output.next()).value!;
  assert.deepEqual([second.text, second.next], ["got one\n", { stdout: 11, stderr: 0 }]);
  await output.return();
  await process.sendStdin(new TextEncoder().encode("two\n"), { close: true });
  const result = await process.wait();
  assert.deepEqual([result.status, result.stdout, result.stderr], ["ok", "up\ngot one\ngot two\n", "bye\n"]);
  const rest = [];
  for await (const chunk of process.output({ from: { stdout: 11 } })) rest.push([chunk.stream, text(chunk.data)]);
  assert.deepEqual(rest.sort(), [["stderr", "bye\n"], ["stdout", "got two\n"]]);
  await assert.rejects(process.sendStdin("three\n"), ConflictError);
  await assert.rejects(process.signal("TERM"), ConflictError);
  await process.closeStdin();
  await process.kill();
});

test("signals by name and number", async () => {
  const process = await sandbox.exec("trap 'echo int; exit 5' INT; echo up; while :; do sleep 0.05; done", { background: true });
  for await (const chunk of process) if (chunk.text === "up\n") break;
  await process.signal("INT");
  assert.deepEqual([(await process.wait()).exitCode, (await process.wait()).stdout], [5, "up\nint\n"]);
  const sleeper = await sandbox.exec(["sleep", "1000"], { background: true });
  await assert.rejects(sleeper.signal("NOPE"), BadRequestError);
  await sleeper.signal(15);
  assert.deepEqual([(await sleeper.wait()).status, (await sleeper.wait()).signal], ["signal", 15]);
  const other = await sandbox.exec(["sleep", "1000"], { background: true });
  await other.kill();
  assert.equal((await other.wait()).signal, 9);
});

test("bytes that are no text come unharmed", async () => {
  const process = await sandbox.exec("printf '\\000\\377\\200a'", { background: true });
  const bytes: number[] = [];
  for await (const chunk of process) bytes.push(...chunk.data);
  assert.deepEqual(bytes, [0, 255, 128, 97]);
});

test("what is not there is not found", async () => {
  await assert.rejects(sandbox.process("999").wait(), NotFoundError);
  const missing = await sandbox.exec(["/no/such/program"]);
  assert.deepEqual([missing.status, missing.exitCode], ["error", 127]);
});
