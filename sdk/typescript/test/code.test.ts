/** Cells and contexts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BadRequestError, NetworkError, NotFoundError, Sandbox } from "@brig/sdk";
import { forAllTests } from "./live.js";

const sandbox = await forAllTests();

test("state is kept from cell to cell, also for who connects", async () => {
  assert.equal((await sandbox.runCode("x = 20")).status, "ok");
  const other = await Sandbox.connect(sandbox.id);
  const execution = await other.runCode("import sys; print('out'); print('err', file=sys.stderr); x + 22");
  assert.deepEqual([execution.text, execution.logs.stdout.join(""), execution.logs.stderr.join("")], ["42", "out\n", "err\n"]);
  assert.deepEqual([execution.executionCount, execution.error, execution.exitCode, execution.dropped], [2, undefined, undefined, 0]);
  assert.ok((await sandbox.listCodeContexts()).some((context) => context.id === "python"));
});

test("forms of a result, told while the cell runs", async () => {
  const heard: unknown[] = [];
  const code = "class A:\n  def _repr_mimebundle_(self, **_): return {'text/html': '<b>', 'text/plain': \"'a'\", 'x/y': 'z'}\nprint('o')\ndisplay(A())\n[1]";
  const execution = await sandbox.runCode(code, { onStdout: (text) => heard.push(text), onResult: (result) => heard.push(result) });
  const [shown, main] = execution.results;
  assert.deepEqual([shown?.html, shown?.text, shown?.extra["x/y"], shown?.raw["text/plain"], shown?.isMainResult], ["<b>", "a", "z", "'a'", false]);
  assert.deepEqual([main?.json, main?.text, main?.isMainResult], [[1], "[1]", true]);
  assert.deepEqual([heard.slice(0, -2).join(""), ...heard.slice(-2)], ["o\n", shown, main]);
});

test("languages", async () => {
  assert.equal((await sandbox.runCode("let a = 6; a * 7", { language: "js" })).text, "42");
  assert.equal((await sandbox.runCode("a + 1", { language: "javascript" })).text, "7");
  assert.deepEqual((await sandbox.runCode("echo $((6 * 7))", { language: "bash" })).logs.stdout, ["42\n"]);
  const drawn = await sandbox.runCode("plot(1:3); 6 * 7", { language: "r" });
  if (drawn.error) assert.equal(drawn.error.name, "LanguageNotAvailable"); // the host has no R
  else assert.deepEqual([drawn.text, drawn.results[1]?.png !== undefined], ["[1] 42", true]);
  await assert.rejects(sandbox.runCode("1", { language: "cobol" }), NotFoundError);
  await assert.rejects(sandbox.runCode("1", { language: "bash", context: "1" }), BadRequestError);
});

test("how a cell ends is a value", async () => {
  const errors: string[] = [];
  const failed = await sandbox.runCode("kept = 1; 1 / 0", { onError: (error) => errors.push(error.name) });
  assert.deepEqual([failed.status, failed.error?.value, errors], ["error", "division by zero", ["ZeroDivisionError"]]);
  assert.match((await sandbox.runCode("import no_such_module")).error!.hint!, /python3-no_such_module/);
  assert.match(failed.error?.traceback ?? "", /kept = 1; 1 \/ 0/);
  assert.equal((await sandbox.runCode("while True: pass", { timeoutSeconds: 0.3 })).status, "timeout");
  const left = await sandbox.runCode("import sys; sys.exit(3)");
  assert.deepEqual([left.status, left.exitCode], ["exit", 3]);
  assert.equal((await sandbox.runCode("kept")).text, "1");
  assert.equal((await sandbox.runCode("import os; os._exit(1)")).error?.name, "KernelDied");
});

test("a failed command of bash has an error", async () => {
  const failed = await sandbox.runCode("(exit 7)", { language: "bash" });
  assert.deepEqual([failed.status, failed.error?.name, failed.error?.value], ["error", "BashError", "exit status 7"]);
});

test("contexts", async () => {
  const context = await sandbox.createCodeContext({ cwd: "/tmp", envs: { COLOUR: "red" } });
  assert.deepEqual([context.language, context.cwd], ["python", "/tmp"]);
  const code = "import os; print(os.getcwd(), os.environ['COLOUR'])";
  const print = async (options = {}) => (await sandbox.runCode(code, { context, ...options })).logs.stdout.join("");
  assert.equal(await print(), "/tmp red\n");
  assert.equal(await print({ envs: { COLOUR: "blue" }, cwd: "/usr" }), "/usr blue\n");
  assert.equal(await print({ context: context.id }), "/usr red\n");
  await sandbox.restartCodeContext(context);
  assert.equal((await sandbox.runCode("os", { context })).error?.name, "NameError");
  assert.equal(await sandbox.removeCodeContext(context), true);
  assert.equal(await sandbox.removeCodeContext(context), false);
  await assert.rejects(sandbox.runCode("1", { context }), NotFoundError);
});

test("who goes away, or is told to, interrupts the cell; the state is kept", async () => {
  const context = await sandbox.createCodeContext();
  await sandbox.runCode("import time; here = 1", { context });
  const stop = new AbortController();
  const waiting = sandbox.runCode("print('begun', flush=True); time.sleep(600)", { context, signal: stop.signal, onStdout: () => stop.abort() });
  await assert.rejects(waiting, { name: "AbortError" });
  await assert.rejects(sandbox.runCode("print('x', flush=True); time.sleep(600)", { context, onStdout: () => assert.fail("mine") }), /mine/);
  const sleeping = sandbox.runCode("print('begun', flush=True); time.sleep(600)", {
    context,
    onStdout: () => void sandbox.interruptCodeContext(context),
  });
  assert.equal((await sleeping).status, "interrupted");
  assert.equal((await sandbox.runCode("here", { context })).text, "1");
});

test("a cell is never sent twice", async () => {
  let sent = 0;
  const cut: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (!String(input).endsWith("/run")) return response;
    ++sent;
    await response.body?.cancel();
    return new Response('event: stdout\ndata: {"chunk":"x"}\n\n', { headers: { "Content-Type": "text/event-stream" } });
  };
  const here = await Sandbox.connect(sandbox.id, { fetch: cut });
  await assert.rejects(here.runCode("1"), NetworkError);
  assert.equal(sent, 1);
});

test("of much output both ends are kept, and what is missing is said between them", async () => {
  await using small = await Sandbox.create({ limits: { output: "10K" } });
  const { logs } = await small.runCode("for n in range(100000): print(n)");
  const text = logs.stdout.join("");
  assert.ok(text.startsWith("0\n1\n") && text.endsWith("99999\n"));
  const gap = `\n[… ${logs.stdoutElided} characters elided …]\n`;
  assert.ok(logs.stdout.includes(gap));
  const shown = text.length - gap.length;
  assert.deepEqual([shown, shown + logs.stdoutElided], [10 << 10, 588_890]);
});
