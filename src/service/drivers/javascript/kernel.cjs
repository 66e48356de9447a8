// An interpreter that keeps its state from cell to cell: node kernel.cjs [javascript|typescript]. ../README.md has the protocol.
// Cells run in node's own realm through its inspector, in the mode made for consoles: const, let and class may be declared again, and
// await stands at the top level. This thread runs them; guard.cjs, a second thread, ends the one that runs on SIGINT or in time.
'use strict';
const fs = require('fs');
const inspector = require('inspector');
const net = require('net');
const path = require('path');
const { Worker } = require('worker_threads');
const { createRequire } = require('module');
const { rewriteImports, importer } = require('./imports.cjs');
const { describe, forms, inspectShort } = require('./values.cjs');
const { typesStripper } = require('./typescript.cjs');

const EVENT_LIMIT = 10 << 20;    // bytes of one event
const SOURCES_LIMIT = 32 << 20;  // characters of cells whose text is kept for tracebacks
const SPIN_MS = 10;
const AT = { running: 0, wake: 1, limit: 2, phase: 3, leaves: 4 };  // in the memory that the guard shares
const STATUSES = { 1: 'interrupted', 2: 'timeout' };     // what the guard says
const language = process.argv[2] === 'typescript' ? 'typescript' : 'javascript';

// What cells may replace and the kernel needs.
const { parse, stringify } = JSON;
const { writeSync, openSync, closeSync, fstatSync } = fs;
const { store, notify } = Atomics;
const now = Date.now;
const { cwd, chdir } = process;
const later = setImmediate;
const laterBy = setTimeout;
const output = { log: console.log, ...console };

function fail(sentence) {
  writeSync(2, `brig kernel: ${sentence}\n`);
  process.reallyExit(70);
}

// Descriptors. Node cannot duplicate one, but Linux opens a pipe anew through /proc, which the kernel's user may be refused.

function isPipe(number) {
  try {
    const found = fstatSync(number);
    return found.isFIFO() || found.isSocket();
  } catch {
    return false;
  }
}

function reopened(number, flags) {
  try {
    return openSync(`/proc/self/fd/${number}`, flags);
  } catch {
    return number;
  }
}

function moved(number, flags) {
  const copy = reopened(number, flags);
  if (copy !== number) closeSync(number);
  return copy;
}

if (!isPipe(3)) {
  writeSync(2, 'brig kernel: descriptor 3, where events go, is no pipe\n');
  process.reallyExit(1);
}
const events = moved(3, 'w');
const requests = moved(0, 'r');
if (requests !== 0) openSync('/dev/null', 'r');  // takes 0, the lowest that is free
const saved = { 1: reopened(1, 'w'), 2: reopened(2, 'w') };

function restoreStreams() {
  for (const number of [0, 1, 2]) {
    try {
      fstatSync(number);
    } catch {
      openSync(number === 0 ? '/dev/null' : `/proc/self/fd/${saved[number]}`, number === 0 ? 'r' : 'w');
    }
  }
  globalThis.console = consoleOfNode;
  Object.assign(console, output);
  process.stdout.write = writeOut;
  process.stderr.write = writeErr;
  process.exit = exit;
}

const consoleOfNode = console;
const writeOut = process.stdout.write;
const writeErr = process.stderr.write;
for (const stream of [process.stdout, process.stderr]) {
  stream.end = () => {};
  if (stream._handle && stream._handle.setBlocking) stream._handle.setBlocking(true);  // or a full pipe would be written to later
}

// Events.

function send(event) {
  let line = Buffer.from(stringify(event) + '\n');
  if (line.length > EVENT_LIMIT) {
    const note = `(${line.length} bytes: over the limit of ${EVENT_LIMIT} for one result)`;
    line = Buffer.from(stringify({ ...event, data: { 'text/plain': note } }) + '\n');
  }
  for (let at = 0; at < line.length;) {
    try {
      at += writeSync(events, line, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') fail(`events cannot be written (${error.code}): the context ends`);
    }
  }
}

// A cell.

let cell = null;  // the one that runs: {id, name, env, status}
let count = 0;
const waiting = [];
const sources = new Map();
let sourcesSize = 0;
const shared = new Int32Array(new SharedArrayBuffer(20));
const session = new inspector.Session();
session.connect();
const stripTypes = language === 'typescript' ? typesStripper() : (text) => text;
const take = Symbol('brig');

function display(...things) {
  for (const thing of things) show(thing, false);
}

function show(value, isMain) {
  const shown = cell;
  const give = (data) => {
    if (shown !== null && cell === shown) send({ type: 'result', id: shown.id, data, is_main: isMain });
  };
  const data = forms(value);
  return typeof data.then === 'function' ? data.then(give) : give(data);
}

function keepSource(name, text) {
  sources.set(name, text);
  sourcesSize += text.length;
  for (const [oldest, kept] of sources) {
    if (sourcesSize <= SOURCES_LIMIT || sources.size === 1) return;
    sources.delete(oldest);
    sourcesSize -= kept.length;
  }
}

function enter(request) {
  cell.env = Object.entries(request.env || {}).map(([key]) => [key, process.env[key]]);
  for (const [key, value] of Object.entries(request.env || {})) process.env[key] = value;
  if (request.cwd) chdir(request.cwd);
  const here = cwd();
  if (here !== enter.folder) {
    enter.folder = here;
    define('require', createRequire(path.join(here, 'cell.js')));
    define('__brig_import', importer(here));
  }
}

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}

function run(request) {
  count += 1;
  cell = { id: request.id, name: `cell-${count}`, seq: count, env: [] };
  shared[AT.limit] = Math.min(request.timeout_ms || 0, 0x7fffffff);
  store(shared, AT.phase, 1);
  store(shared, AT.leaves, 0);
  store(shared, AT.running, count);
  wakeGuard();
  send({ type: 'begin', id: cell.id, count });
  const mine = cell;
  const failed = (details) => {
    if (cell === mine) finish('error', describe(details, sources, mine.name));
  };
  let text;
  try {
    enter(request);
    keepSource(mine.name, request.code);
    text = rewriteImports(stripTypes(request.code));
  } catch (error) {
    return failed({ error });
  }
  store(shared, AT.phase, 0);  // from here on the guard may cut it off
  const expression = `${text}\n//# sourceURL=${mine.name}`;
  session.post('Runtime.evaluate', { expression, replMode: true, awaitPromise: true }, (error, reply) => {
    if (cell !== mine || error) return;  // it was ended: the guard says how
    valueOf(reply.result, async (value) => {
      try {
        if (reply.exceptionDetails) return failed({ ...reply.exceptionDetails, error: value });
        if (value !== undefined) await show(value, true);
        if (cell === mine) finish('ok');
      } catch (problem) {
        failed({ error: problem });
      }
    });
  });
}

/// The value behind what the inspector says of it.
function valueOf(remote, give) {
  if (remote.objectId === undefined) {
    const text = remote.unserializableValue;
    if (text === undefined) return give(remote.subtype === 'null' ? null : remote.value);
    return give(text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text));
  }
  valueOf.give = give;
  const { objectId } = remote;
  session.post('Runtime.callFunctionOn', { objectId, functionDeclaration: `function (value) { globalThis[Symbol.for('brig.take')](value) }`,
    arguments: [{ objectId }] });
  session.post('Runtime.releaseObject', { objectId });
}

Object.defineProperty(globalThis, Symbol.for('brig.take'), { value: (value) => valueOf.give(value), enumerable: false });

function finish(status, error, exitCode) {
  // From here on the guard only reminds. If it has just cut something off, that may have been the cell or is still to come: then it
  // shall hit a loop of ours, not the next cell.
  if (Atomics.compareExchange(shared, AT.phase, 0, 1) > 1 && !cell.isSafe) {
    if (cell.isWaiting) return;
    const mine = cell;
    laterBy(() => {
      mine.isSafe = true;
      if (cell === mine) finish(status, error, exitCode);
    }, 2 * SPIN_MS);
    later(() => {
      for (const until = now() + SPIN_MS; now() < until;);
    });
    cell.isWaiting = true;
    return;
  }
  if (error) send({ type: 'error', id: cell.id, ...error });
  for (const [key, value] of cell.env) {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  }
  restoreStreams();
  const end = { type: 'end', id: cell.id, status };
  if (exitCode !== undefined) end.exit_code = exitCode;
  cell = null;
  send(end);
  store(shared, AT.running, 0);
  notify(shared, AT.running);
  wakeGuard();
  later(next);
}

function wakeGuard() {
  Atomics.add(shared, AT.wake, 1);
  notify(shared, AT.wake);
}

/// The guard asks that the cell `seq` end. Comes again until it has.
function onGuard({ seq, kind, limit }) {
  if (cell === null || cell.seq !== seq) {
    if (cell === null) store(shared, AT.running, 0);
    return;
  }
  if (cell.exitCode !== undefined) return finish('exit', null, cell.exitCode);
  const status = STATUSES[kind];
  const value = kind === 2 ? `the cell ran longer than the ${limit} ms that it was given; variables keep their values`
    : 'the cell was interrupted; variables keep their values';
  const name = kind === 2 ? 'TimeoutError' : 'InterruptedError';
  finish(status, { name, value, traceback: `${name}: ${value}\n` });
}

/// process.exit of the cells: ends the cell. The guard cuts it off here, so that no `catch` or `finally` of the cell sees it.
function exit(code) {
  const exitCode = Number(code === undefined ? process.exitCode || 0 : code) & 0xff;
  process.exitCode = undefined;
  if (cell === null) throw new Error('process.exit: no cell runs, so there is none to end');
  cell.exitCode = exitCode;
  store(shared, AT.leaves, 1);
  wakeGuard();
  for (;;);
}

// Requests, one after the other.

function isRun(request) {
  return request.op === 'run' && Number.isInteger(request.id) && typeof request.code === 'string';
}

function next() {
  while (cell === null && guardIsUp && waiting.length > 0) {
    const request = waiting.shift();
    if (request.op === 'stop') leave();
    else run(request);
  }
}

/// Ends the kernel. Node would wait for, and mention, the guard's hold on the inspector.
function leave() {
  guardIsUp = false;
  session.disconnect();
  store(shared, AT.leaves, 2);
  wakeGuard();
}

function takeLine(line) {
  if (line.trim() === '') return;
  let request = null;
  try {
    request = parse(line);
  } catch {
    request = null;
  }
  if (request === null || typeof request !== 'object' || !(request.op === 'stop' || isRun(request))) {
    writeSync(2, 'brig kernel: a request that is none was left out\n');
    return;
  }
  waiting.push(request);
  next();
}

let pieces = [];
const source = new net.Socket({ fd: requests, readable: true, writable: false });
source.on('data', (chunk) => {
  let from = 0;
  for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
    const line = Buffer.concat([...pieces, chunk.subarray(from, end)]).toString();
    pieces = [];
    from = end + 1;
    takeLine(line);
  }
  if (from < chunk.length) pieces.push(chunk.subarray(from));
});
source.on('end', () => {
  waiting.push({ op: 'stop' });
  next();
});
source.on('error', () => leave());

// What belongs to the cells.

define('display', display);
define('module', { exports: {} });
define('exports', module.exports);
process.exit = exit;
process.argv.length = 1;
for (const kind of ['uncaughtException', 'unhandledRejection']) {
  process.on(kind, (error) => writeSync(2, `Uncaught ${inspectShort(error)}\n`));
}
process.on('SIGINT', () => {});  // until the guard is up
if (requests === 0) Object.defineProperty(process, 'stdin', { value: fs.createReadStream('/dev/null'), configurable: true });

let guardIsUp = false;
const guard = new Worker(fs.readFileSync(path.join(__dirname, 'guard.cjs'), 'utf8'), { eval: true, workerData: shared.buffer, execArgv: [] });
guard.unref();
guard.on('message', (message) => {
  if (message === 'gone') process.reallyExit(0);
  if (message !== 'up') return onGuard(message);
  guardIsUp = true;
  next();
});
send({ type: 'ready', language, version: process.versions.node, engine: 'node' });
