/** @packageDocumentation Sandboxes of a Brig daemon. */
export type {
  CellStatus, Chart, CodeContext, CodeContextOptions, CodeResult, Execution, ExecutionError, RunCodeOptions,
} from "./code.js";
export * from "./errors.js";
export { Filesystem } from "./filesystem.js";
export { Process } from "./process.js";
export { Ports } from "./ports.js";
export { type ForkTree, Sandbox } from "./sandbox.js";
export { Snapshot } from "./snapshot.js";
export { Template } from "./template.js";
export { Terminal } from "./terminal.js";
export type * from "./types.js";
export { Watch } from "./watch.js";
