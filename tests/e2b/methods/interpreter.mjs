/// The published @e2b/code-interpreter: cells, contexts, results, charts, streams.
import assert from "node:assert/strict";
import { after } from "node:test";
import { Sandbox, TimeoutError } from "@e2b/code-interpreter";
import { row as rowOf } from "../methods.mjs";

export const title = "Code interpreter";
export const order = 10;

const made = [];
const shared = new Map();

async function make(options) {
  const box = await Sandbox.create({ timeoutMs: 600_000, ...options });
  made.push(box);
  return box;
}
after(() => Promise.all(made.map((box) => box.kill().catch(() => undefined))));

/// Sandboxes that rows share, by name: an interpreter with its libraries takes half of the memory that one has.
function common(name) {
  if (!shared.has(name)) shared.set(name, make({ envs: { GLOBAL: "of the sandbox" } }));
  return shared.get(name);
}

/// A row whose check gets the sandbox that is called `box`.
const row = (method, route, check, box = "python") => rowOf(method, route, async () => check(await common(box)));

const out = (execution) => execution.logs.stdout.join("");
const png = (base64) => assert.ok(Buffer.from(base64, "base64").subarray(1, 4).equals(Buffer.from("PNG")), "no PNG");

/// A context for one check: each is a process, and a sandbox has its memory.
async function within(box, options, use) {
  const context = await box.createCodeContext(options);
  try {
    return await use(context);
  } finally {
    await box.removeCodeContext(context);
  }
}

/// What a figure shows.
async function chart(box, code) {
  const { results, error } = await box.runCode(`import matplotlib.pyplot as plt\n${code}\nplt.show()`);
  assert.equal(error, undefined, error?.traceback);
  const [figure] = results.filter((result) => result.png);
  png(figure.png);
  return figure.chart;
}

/// Types can be stripped by node since 22.13, before by a package of the folder: a stand-in for one, which knows the types below.
const stripper = `
import os
os.makedirs('/home/user/node_modules/esbuild', exist_ok=True)
with open('/home/user/node_modules/esbuild/index.js', 'w') as file:
    file.write("exports.transformSync = (text) => ({ code: text.replace(/interface .*|: Pair|: number/g, '') })")
`;

export const methods = [
  row("sandbox.runCode", "POST /execute", async (box) => {
    await box.runCode("x = 1");
    const execution = await box.runCode("x += 1; x");
    assert.deepEqual([execution.text, execution.error, execution.results.length, execution.results[0].isMainResult], ["2", undefined, 1, true]);
    assert.equal((await box.runCode("'quoted'")).text, "quoted");
    assert.equal((await box.runCode("None")).text, undefined);
    assert.equal((await box.runCode("")).results.length, 0);
    assert.equal((await box.runCode("   y = 1\n   y + 1")).text, "2"); // indented
    await assert.rejects(box.runCode({ not: "text" }), /422/);
    await assert.rejects(box.runCode("1", { language: "python", context: { id: "python" } }), /not both/);
  }),
  row("execution.executionCount", "POST /execute", async (box) => {
    const counts = [];
    await within(box, {}, async (context) => {
      for (const code of ["1", "print(1)", "1 / 0"]) counts.push((await box.runCode(code, { context })).executionCount);
    });
    assert.deepEqual(counts, [1, 2, 3]);
  }, "contexts"),
  row("execution.error", "POST /execute", async (box) => {
    const { error } = await box.runCode("def f():\n    return 1 / 0\nf()");
    assert.deepEqual([error.name, error.value], ["ZeroDivisionError", "division by zero"]);
    assert.match(error.traceback, /return 1 \/ 0|1 \/ 0/);
    assert.equal((await box.runCode("import sys; sys.exit(3)")).error.name, "SystemExit");
    assert.equal((await box.runCode("raise SystemExit")).error?.name, "SystemExit");
    const gone = await within(box, {}, (context) => box.runCode("import os; os._exit(1)", { context }));
    assert.equal(gone.error.name, "UnexpectedEndOfExecution");
  }),
  row("execution.logs", "POST /execute", async (box) => {
    const { logs } = await box.runCode("import sys; print('hello'); print('wrong', file=sys.stderr)");
    assert.deepEqual(logs, { stdout: ["hello\n"], stderr: ["wrong\n"] });
    const long = out(await box.runCode("for n in range(50000): print(n, 'ü€😀')"));
    assert.equal(long, Array.from({ length: 50_000 }, (_, n) => `${n} ü€😀\n`).join(""));
  }),
  row("runCode({onStdout, onStderr, onResult, onError})", "POST /execute", async (box) => {
    const heard = [];
    const tell = (kind) => (one) => heard.push([kind, one.line ?? one.text ?? one.name, one.error]);
    const options = { onStdout: tell("stdout"), onStderr: tell("stderr"), onResult: tell("result"), onError: tell("error") };
    await box.runCode("print(1)", options);
    await box.runCode("import sys; print('err', file=sys.stderr)", options);
    await box.runCode("display(2); 3", options);
    await box.runCode("1 / 0", { ...options, onError: async (error) => heard.push(["error", error.name, error.value]) });
    assert.deepEqual(heard, [
      ["stdout", "1\n", false], ["stderr", "err\n", true], ["result", "2", undefined], ["result", "3", undefined],
      ["error", "ZeroDivisionError", "division by zero"],
    ]); // prettier-ignore
  }),
  row("a stream while it runs", "POST /execute", async (box) => {
    let stop;
    const begun = new Promise((resolve) => (stop = resolve));
    const running = box.runCode("import os, time\nprint('begun')\nwhile not os.path.exists('/tmp/go'): time.sleep(.02)\nprint('over')", { onStdout: stop });
    await Promise.race([begun, running]);
    await box.runCode("> /tmp/go", { language: "bash" });
    assert.equal(out(await running), "begun\nover\n");
  }),
  row("magics, shell commands, await", "POST /execute", async (box) => {
    assert.equal(out(await box.runCode("!echo $((6 * 7))")).trim(), "42");
    assert.equal((await box.runCode("files = !echo a b\nfiles[0]")).text, "a b");
    assert.equal((await box.runCode("%%time\nx = 7")).error, undefined);
    assert.equal((await box.runCode("import asyncio\nawait asyncio.sleep(0)\n7")).text, "7");
    assert.match((await box.runCode("input()")).error.name, /EOFError|StdinNotImplementedError/);
    assert.match(out(await box.runCode("%pip --version")), /pip|No module/);
  }),
  row("result.json, result.html, result.extra", "POST /execute", async (box) => {
    assert.deepEqual((await box.runCode('{"a": [1, None]}')).results[0].json, { a: [1, null] });
    const code = "class A:\n  def _repr_html_(self): return '<b>'\n  def _repr_svg_(self): return '<svg/>'\n  def _repr_latex_(self): return '$x$'\n  def _repr_markdown_(self): return '*m*'\nA()";
    const { html, svg, latex, markdown } = (await box.runCode(code)).results[0];
    assert.deepEqual([html, svg, latex, markdown], ["<b>", "<svg/>", "$x$", "*m*"]);
    const odd = (await box.runCode("display({'x/y': 'z', 'text/plain': 't'}, raw=True)")).results[0];
    assert.deepEqual([odd.raw.extra, odd.text, odd.isMainResult], [{ "x/y": "z" }, "t", false]);
  }),
  row("result.data of a data frame", "POST /execute", async (box) => {
    const code = "import pandas as pd\npd.DataFrame({'n': [1, 2], 'at': pd.to_datetime(['2026-01-01', '2026-01-02'])})";
    const [{ data, html, text }] = (await box.runCode(code)).results;
    assert.deepEqual(data, { n: [1, 2], at: ["2026-01-01T00:00:00", "2026-01-02T00:00:00"] });
    assert.match(html, /<table/);
    assert.match(text, /2026-01-01/);
  }),
  row("result.png of a figure, result.text", "POST /execute", async (box) => {
    const code = "import matplotlib.pyplot as plt, numpy as np\nx = np.linspace(0, 20, 100)\nplt.plot(x, np.sin(x))\nplt.show()\nx";
    const { results } = await box.runCode(code);
    assert.equal(results.length, 2);
    png(results[0].png);
    assert.match(results[0].text, /Figure/);
    assert.deepEqual([results[0].isMainResult, results[1].isMainResult], [false, true]);
    assert.ok(results[0].formats().includes("png"));
  }),
  row("result.chart of type line", "POST /execute", async (box) => {
    const code = "import datetime as d\nfig, ax = plt.subplots()\nax.plot([d.date(2023, 9, 1), d.date(2023, 9, 2)], [1, 2], label='sin')\nax.set_xlabel('Time (s)'); ax.set_ylabel('Amplitude [Hz]'); ax.set_title('T')";
    const found = await chart(box, code);
    assert.deepEqual([found.type, found.title, found.x_label, found.y_label, found.x_unit, found.y_unit], ["line", "T", "Time (s)", "Amplitude [Hz]", "s", "Hz"]);
    assert.deepEqual([found.x_scale, found.y_scale, found.elements[0].label, found.elements[0].points.length], ["datetime", "linear", "sin", 2]);
    assert.match(found.elements[0].points[0][0], /^2023-09-01/);
    for (const ticks of ["x_ticks", "x_tick_labels", "y_ticks", "y_tick_labels"]) assert.ok(Array.isArray(found[ticks]), ticks);
  }),
  row("result.chart of type scatter", "POST /execute", async (box) => {
    const found = await chart(box, "plt.scatter([1, 2], [3, 4], label='A'); plt.scatter([5], [6], label='B')");
    assert.deepEqual([found.type, found.elements.map((one) => one.label), found.elements[0].points], ["scatter", ["A", "B"], [[1, 3], [2, 4]]]); // prettier-ignore
  }),
  row("result.chart of type bar", "POST /execute", async (box) => {
    const found = await chart(box, "plt.bar(['Alice', 'Bob'], [100, 80]); plt.title('Books')");
    assert.deepEqual([found.type, found.title, found.elements.map((one) => [one.label, one.value])], ["bar", "Books", [["Alice", 100], ["Bob", 80]]]); // prettier-ignore
    assert.ok("group" in found.elements[0]);
  }),
  row("result.chart of type pie", "POST /execute", async (box) => {
    const found = await chart(box, "plt.pie([3, 1], labels=['a', 'b']); plt.title('P')");
    assert.deepEqual([found.type, found.elements.map((one) => one.label)], ["pie", ["a", "b"]]);
    assert.ok(Math.abs(found.elements[0].angle - 270) < 1 && found.elements[0].radius === 1);
  }),
  row("result.chart of type box_and_whisker", "POST /execute", async (box) => {
    const found = await chart(box, "plt.boxplot([[1, 2, 3, 4, 100]], labels=['A'])");
    assert.equal(found.type, "box_and_whisker");
    const { label, min, first_quartile, median, third_quartile, max, outliers } = found.elements[0];
    assert.deepEqual([label, min, first_quartile, median, third_quartile, max, outliers], ["A", 1, 2, 3, 4, 4, [100]]);
  }),
  row("result.chart: logarithmic and categorical scales", "POST /execute", async (box) => {
    const log = await chart(box, "fig, ax = plt.subplots(); ax.plot([1, 10, 100], [1, 2, 3]); ax.set_xscale('log')");
    assert.deepEqual([log.x_scale, log.y_scale], ["log", "linear"]);
    const names = await chart(box, "plt.plot(['a', 'b'], [1, 2])");
    assert.equal(names.x_scale, "categorical");
  }),
  row("result.chart of type superchart", "POST /execute", async (box) => {
    const found = await chart(box, "fig, (a, b) = plt.subplots(1, 2); a.plot([1], [2]); b.bar(['x'], [1]); fig.suptitle('Both')");
    assert.deepEqual([found.type, found.title, found.elements.map((one) => one.type)], ["superchart", "Both", ["line", "bar"]]);
  }),
  row("result.chart of type unknown", "POST /execute", async (box) => {
    const found = await chart(box, "import numpy as np\nplt.imshow(np.zeros((2, 2)))");
    assert.equal(found.type, "unknown");
  }),
  row("images of PIL: value, show, save", "POST /execute", async (box) => {
    const make = "from PIL import Image\nimage = Image.new('RGB', (20, 10))\n";
    for (const [code, isMain] of [["image", true], ["image.show()", false], ["image.save('i.png')", false], ["display(image)", false]]) {
      const { results, error } = await box.runCode(make + code);
      assert.equal(error, undefined, code);
      png(results[0].png);
      assert.equal(results[0].isMainResult, isMain, code);
    }
  }),
  row("runCode({language: 'javascript'})", "POST /execute", async (box) => {
    assert.equal((await box.runCode("const answer = 6 * 7; answer", { language: "js" })).text, "42");
    const { logs, text } = await box.runCode("console.log('hi'); `${answer}`", { language: "JavaScript" });
    assert.deepEqual([logs.stdout, text], [["hi\n"], "42"]);
    assert.equal((await box.runCode("await Promise.resolve(answer + 1)", { language: "js" })).text, "43");
    assert.equal((await box.runCode("throw new TypeError('no')", { language: "js" })).error.name, "TypeError");
    const shown = "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>', 'text/plain': 't' }) })";
    assert.equal((await box.runCode(shown, { language: "js" })).results[0].html, "<b>");
  }, "javascript"),
  row("runCode({language: 'typescript'})", "POST /execute", async (box) => {
    const code = "interface Pair { a: number }\nconst pair: Pair = { a: 42 };\npair.a";
    let ran = await box.runCode(code, { language: "ts" });
    if (ran.error?.name === "LanguageNotAvailable") {
      await box.runCode(stripper);
      ran = await box.runCode(code, { language: "typescript" });
    }
    assert.equal(ran.error, undefined, ran.error?.value);
    assert.equal(ran.text, "42");
    return "Types are stripped and not checked, by node 22.13 or later, or a package `typescript` or `esbuild` of the template or of the folder.";
  }, "typescript"),
  row("runCode({language: 'bash'})", "POST /execute", async (box) => {
    assert.equal(out(await box.runCode("x=$((6 * 7)); echo $x", { language: "bash" })), "42\n");
    assert.equal(out(await box.runCode("echo $x", { language: "bash" })), "42\n");
  }, "contexts"),
  row("runCode({language: 'java'})", "POST /execute", async () => {
    const box = await make({ envs: { GLOBAL: "of the sandbox" } });
    const run = (code, envs) => box.runCode(code, { language: "java", envs });
    const ran = await run("int x = 20;\nx + 22");
    if (ran.error) {
      assert.equal(ran.error.name, "LanguageNotAvailable");
      assert.match(ran.error.value, /install/);
    } else {
      assert.equal(ran.text, "42");
      assert.equal(out(await run('System.out.println(System.getenv("GLOBAL") + " " + System.getProperty("MINE"))', { MINE: "of the cell" })), "of the sandbox of the cell\n");
      assert.equal((await run("throw new IllegalStateException()")).error.name, "java.lang.IllegalStateException");
    }
    await box.kill();
    return "Where the template has a JDK; otherwise the execution has the error `LanguageNotAvailable`, which says what to do.";
  }),
  row("runCode({language: 'r'})", "POST /execute", async (box) => {
    const run = (code, envs) => box.runCode(code, { language: "r", envs });
    const ran = await run("x <- 20\nx + 22");
    if (ran.error) {
      assert.equal(ran.error.name, "LanguageNotAvailable");
      assert.match(ran.error.value, /install/);
    } else {
      assert.equal(ran.text, "[1] 42");
      assert.equal(out(await run("cat(Sys.getenv('MINE'), x)", { MINE: "of the cell" })), "of the cell 20");
      assert.match((await run("hist(c(1, 2, 2))")).results[0].png, /^iVBOR/);
      const [table] = (await run("data.frame(n = 1:2, s = c('a', NA))")).results;
      assert.deepEqual([table.data, table.html.includes("<td>a</td>")], [{ n: [1, 2], s: ["a", null] }, true]);
      assert.equal((await run("stop('no')")).error.value, "no");
    }
    assert.equal((await box.runCode("1", { language: "cobol" })).error.name, "LanguageNotAvailable");
    return "Where the template has R; otherwise the execution has the error `LanguageNotAvailable`, which says what to do.";
  }, "contexts"),
  row("sandbox.createCodeContext", "POST /contexts", async (box) => {
    await within(box, {}, async (context) => {
      assert.deepEqual([context.language, context.cwd], ["python", "/home/user"]);
      await box.runCode("mine = 1", { context });
      assert.equal((await box.runCode("mine")).error.name, "NameError");
    });
    await within(box, { language: "js", cwd: "/tmp" }, async (context) => {
      assert.deepEqual([context.language, context.cwd], ["javascript", "/tmp"]);
      assert.equal((await box.runCode("process.cwd()", { context })).text, "/tmp");
    });
    await assert.rejects(box.createCodeContext({ language: "cobol" }), /500/);
    await assert.rejects(box.createCodeContext({ cwd: "/no/such/folder" }), /500/);
  }, "contexts"),
  row("sandbox.listCodeContexts", "GET /contexts", async () => {
    const box = await make();
    assert.deepEqual((await box.listCodeContexts()).map((one) => one.language), ["python", "javascript"]);
    const context = await box.createCodeContext({ language: "bash" });
    assert.deepEqual((await box.listCodeContexts()).at(-1), context);
    await box.runCode("x = 1");
    assert.equal((await box.listCodeContexts()).length, 3);
    await box.kill();
  }),
  row("sandbox.restartCodeContext", "POST /contexts/{id}/restart", async (box) => {
    await within(box, { cwd: "/tmp" }, async (context) => {
      await box.runCode("x = 1", { context });
      await box.restartCodeContext(context);
      assert.equal((await box.runCode("x", { context })).error.name, "NameError");
      assert.equal((await box.runCode("import os; os.getcwd()", { context: { id: context.id } })).text, "/tmp");
    });
    await assert.rejects(box.restartCodeContext("nonsense"), /Context nonsense not found/);
  }, "contexts"),
  row("sandbox.removeCodeContext", "DELETE /contexts/{id}", async (box) => {
    const context = await box.createCodeContext();
    await box.removeCodeContext(context.id);
    await assert.rejects(box.runCode("1", { context }), new RegExp(`Context ${context.id} not found`));
    await assert.rejects(box.removeCodeContext(context), /not found/);
    assert.ok(!(await box.listCodeContexts()).some((one) => one.id === context.id));
  }, "contexts"),
  row("the working folder of each language", "POST /execute", async (box) => {
    assert.equal((await within(box, {}, (context) => box.runCode("import os; os.getcwd()", { context }))).text, "/home/user");
    assert.equal((await box.runCode("process.cwd()", { language: "js" })).text, "/home/user");
    assert.equal(out(await box.runCode("pwd", { language: "bash" })), "/home/user\n");
  }, "contexts"),
  row("runCode({envs}) and Sandbox.create({envs})", "POST /execute", async (box) => {
    const codes = { python: "import os; print(os.environ.get('GLOBAL'), os.environ.get('MINE'))", js: "console.log(process.env.GLOBAL, process.env.MINE)", bash: "echo $GLOBAL $MINE" };
    const none = { python: "None", js: "undefined", bash: "" };
    for (const [language, code] of Object.entries(codes)) {
      const run = async (envs) => out(await box.runCode(code, { language, envs })).trim();
      assert.equal(await run({ MINE: "of the cell" }), "of the sandbox of the cell", language);
      assert.equal(await run({ GLOBAL: "another", MINE: "too" }), "another too", language);
      assert.equal(await run(), `of the sandbox ${none[language]}`.trim(), language);
    }
  }, "contexts"),
  row("runCode({timeoutMs})", "POST /execute", async (box) => {
    await box.runCode("kept = 1");
    await assert.rejects(box.runCode("import time; time.sleep(600)", { timeoutMs: 500 }), TimeoutError);
    assert.equal((await box.runCode("kept")).text, "1");
  }),
  row("a cell that is silent for long", "POST /execute", async (box) => {
    const { results, error } = await box.runCode("import time; time.sleep(5.5); 1", { requestTimeoutMs: 3_000 });
    assert.deepEqual([results[0].text, error], ["1", undefined]);
  }),
  row("a sandbox that is killed meanwhile", "POST /execute", async () => {
    const box = await make();
    const running = box.runCode("print('begun'); import time; time.sleep(600)", { onStdout: () => box.kill() });
    await assert.rejects(running, (error) => error instanceof TimeoutError && /was killed/.test(error.message));
    await assert.rejects(box.runCode("1"), TimeoutError);
  }),
  row("Sandbox.connect and runCode", "POST /execute", async (box) => {
    await box.runCode("left = 7");
    const again = await Sandbox.connect(box.sandboxId);
    assert.equal((await again.runCode("left")).text, "7");
  }),
  row("cells of one context at once", "POST /execute", async (box) => {
    await box.runCode("import time; seen = []");
    await Promise.all(Array.from({ length: 6 }, (_, n) => box.runCode(`seen.append(${n}); time.sleep(.02); seen.append(${n})`)));
    const order = JSON.parse((await box.runCode("seen")).text);
    for (let at = 0; at < 12; at += 2) assert.equal(order[at], order[at + 1]);
  }),
];
