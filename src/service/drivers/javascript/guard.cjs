// The thread that ends a cell: when SIGINT comes, and when its time is over. The main thread may be in an endless loop, where no handler
// of its own runs. A SIGINT ends a script of this thread that was started with breakOnSigint, and so it is noticed here.
'use strict';
const { parentPort, workerData } = require('worker_threads');
const inspector = require('inspector');
const vm = require('vm');

const AT = { running: 0, wake: 1, limit: 2, phase: 3, leaves: 4 };
const GRACE_MS = 50;    // in which a main thread that is not in a loop ends the cell itself
const AGAIN_MS = 25;
const PATIENCE = 40;     // reminders
const SAME_MS = 10;      // between the two that one SIGINT ends here
const shared = new Int32Array(workerData);
const main = new inspector.Session();
main.connectToMainThread();

let seq = 0;             // the cell that runs
let deadline = Infinity;
let seen = Atomics.load(shared, AT.wake);
let isInterrupted = false;
let isUp = false;        // whether a SIGINT is noticed here
let noticed = 0;         // when a SIGINT was, last

function pause() {
  const left = deadline === Infinity ? undefined : Math.max(0, deadline - Date.now());
  Atomics.wait(shared, AT.wake, seen, left);
  seen = Atomics.load(shared, AT.wake);
}

function isRunning() {
  return Atomics.load(shared, AT.running) === seq;
}

/// Asks the main thread to end the cell, and cuts off what it runs if it does not answer: once, or the next cell could be hit.
function end(kind) {
  const limit = shared[AT.limit];
  for (let asked = 0; isRunning(); asked += 1) {
    parentPort.postMessage({ seq, kind, limit });
    Atomics.wait(shared, AT.running, seq, asked > 0 ? AGAIN_MS : kind === 3 ? 1 : GRACE_MS);
    if (asked > 0 && asked % PATIENCE === 0) Atomics.compareExchange(shared, AT.phase, 2, 0);  // something else was hit
    if (isRunning() && Atomics.compareExchange(shared, AT.phase, 0, 2) === 0) main.post('Runtime.terminateExecution', () => {});
  }
}

function look() {
  const running = Atomics.load(shared, AT.running);
  if (running === seq) return;
  seq = running;
  deadline = seq !== 0 && shared[AT.limit] > 0 ? Date.now() + shared[AT.limit] : Infinity;
}

/// Returns when the kernel is about to end; a SIGINT ends it before.
function watch() {
  if (!isUp) parentPort.postMessage('up');
  isUp = true;
  for (;;) {
    look();
    const leaves = Atomics.load(shared, AT.leaves);
    if (leaves === 2) return;
    if (seq !== 0 && leaves === 1) end(3);  // it called process.exit
    else if (seq !== 0 && Date.now() >= deadline) end(2);
    else pause();
  }
}

/// Watches, and ends the cell that runs when a SIGINT has ended the watch.
function serve() {
  for (;;) {
    try {
      if (!isInterrupted) return vm.runInThisContext('__brig_watch()', { breakOnSigint: true });
    } catch {
      isInterrupted = true;
      noticed = Date.now();
    }
    look();
    if (seq !== 0) end(Atomics.load(shared, AT.leaves) === 1 ? 3 : 1);
    isInterrupted = false;
  }
}

globalThis.__brig_watch = watch;
globalThis.__brig_serve = serve;
for (let isOver = false; !isOver;) {
  try {
    // This one keeps node's handler of SIGINT in place after an inner one has ended.
    vm.runInThisContext('__brig_serve()', { breakOnSigint: true });
    isOver = true;
  } catch {
    // One signal ends the inner script, and a moment later maybe this one too: that is no second interrupt.
    if (Date.now() - noticed > SAME_MS) isInterrupted = true;
  }
}
main.disconnect();
parentPort.postMessage('gone');
