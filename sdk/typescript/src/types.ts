/** Where the daemon is and who asks. */
export interface Config {
  /** Default: `BRIG_API_URL`, then `http://127.0.0.1:2744`. */
  apiUrl?: string;
  /** Default: `BRIG_API_KEY`. */
  apiKey?: string;
  /** How often a request that may be repeated is repeated, at most. Default 3; 0 for never. */
  retries?: number;
  /** Instead of the global `fetch`: for proxies and tests. */
  fetch?: typeof fetch;
}

/** How a command ended. */
export type Status =
  | "ok"
  | "error"
  | "signal"
  | "timeout"
  | "cpu_limit"
  | "memory_limit"
  | "disk_limit"
  | "output_limit"
  | "pids_limit"
  | "policy_kill"
  | "screened"
  | "expired"
  | "failed";

export type SandboxStatus = "creating" | "running" | "paused" | "hibernated" | "killed" | "failed";

/** A number in the unit that is named, or a text with its own: `"256M"`, `"30s"`. What is absent is the daemon's default. */
export interface Limits {
  /** Wall-clock limit of a command that is not given one of its own; seconds. */
  timeout?: number | string;
  /** Processor time of the sandbox; seconds. */
  cpuTime?: number | string;
  /** Bytes. */
  memory?: number | string;
  /** Processors: 0.5 is half of one. */
  cpus?: number | string;
  /** Processes and threads at once. */
  pids?: number | string;
  /** Files that one process may have open. */
  openFiles?: number | string;
  /** Bytes below /workspace, /tmp, /home and /dev/shm together. */
  disk?: number | string;
  /** Files and folders there. */
  inodes?: number | string;
  /** Bytes of each stream that a `Result` shows. */
  output?: number | string;
  /** Bytes of output that end a command. */
  outputTotal?: number | string;
}

export interface CreateOptions extends Config {
  /** The id of a snapshot with whose files it begins. What is not asked for here is as in the sandbox it is of. */
  fromSnapshot?: string;
  /** A name of `Sandbox.templates()`. Default `"host"`: the programs of the daemon's machine. */
  template?: string;
  /** From now on; seconds. The sandbox ends then, whatever happens to anybody else. */
  ttlSeconds?: number;
  /** After the last use; seconds. Default: no such end. */
  idleSeconds?: number;
  /** No time-to-live. */
  persistent?: boolean;
  /** Of yours, to find it by. */
  metadata?: Record<string, string>;
  /** Of every command. */
  env?: Record<string, string>;
  limits?: Limits;
  policy?: "strict" | "default" | "lenient";
  /** The weakest boundary that will do; a daemon without one answers `UnsupportedError`. */
  require?: "shared-kernel" | "user-space-kernel" | "hardware";
  /** The wall: a name of `Sandbox.runtimes()`, `"auto"` (the strongest that works there) or `"fastest"` (that is good enough; the default). */
  runtime?: string;
  /** Python packages, by name, that the machine's owner has installed for the template (`brig template lib`). */
  libraries?: readonly string[];
  /** Two creations with the same key (and the same options) give one sandbox. Default: a new key for each call. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface ListOptions extends Config {
  /** Default: those that live. */
  states?: SandboxStatus[] | "all";
  /** All of these must match. */
  metadata?: Record<string, string>;
  template?: string;
  /** Sandboxes asked for at a time, 1 to 1000. Default 100. */
  pageSize?: number;
  signal?: AbortSignal;
}

/** What a wall can do; what it cannot is an `UnsupportedError`. */
export interface Capabilities {
  pause: boolean;
  /** Templates other than the host's own programs. */
  images: boolean;
  /** What snapshots and forks carry. */
  snapshots: "files";
}

/** What sandboxes can be made from: `"host"`, the daemon's own machine, the images that its owner made, and those of this key. */
export interface TemplateInfo {
  name: string;
  /** Of its image; `null`: `"host"`. */
  digest: string | null;
  sizeBytes: number;
  description: string;
  createdAt: Date | null;
  /** Processors of a sandbox that asks for nothing. */
  cpu: number;
  /** And its memory. */
  memoryMb: number;
  /** Of commands that name none. */
  workingFolder: string;
  languages: string[];
  usable: boolean;
  whyNot: string | null;
  /** This key may use it. */
  allowed: boolean;
}

/** How a template is to be made. */
export interface TemplateOptions {
  /** The files that COPY takes, by relative path. */
  context?: Record<string, string | Uint8Array<ArrayBuffer> | Blob>;
  /** Processors of a sandbox that asks for nothing. */
  cpus?: number;
  /** And its memory. */
  memoryMb?: number;
}

/** A template that is being made, or was. */
export interface TemplateBuild {
  id: string;
  /** Of the template. */
  name: string;
  kind: "dockerfile" | "archive";
  status: "queued" | "running" | "done" | "failed";
  /** Why it failed. */
  error: string | null;
  startedAt: Date;
  endedAt: Date | null;
  /** Of its image, when it is done. */
  bytes: number | null;
  digest: string | null;
}

/** A wall of the daemon's, as it was when the daemon started. */
export interface RuntimeInfo {
  name: string;
  /** `"shared-kernel"`, `"user-space-kernel"` or `"hardware"`. */
  boundary: string;
  /** It works on that host. */
  available: boolean;
  /** What is missing, and how to get it. */
  whyNot: string | null;
  /** This key may use it. */
  allowed: boolean;
  /** `null`: it does not work there. */
  capabilities: Capabilities | null;
  /** What it cannot enforce on that host, in words. */
  weaknesses: string[];
}

export interface SandboxInfo {
  id: string;
  template: string;
  status: SandboxStatus;
  runtime: string;
  /** What stands between the code and the host: `"shared-kernel"`, … */
  boundary: string;
  metadata: Record<string, string>;
  createdAt: Date;
  /** `null`: it has no time-to-live. */
  expiresAt: Date | null;
  ttlSeconds: number | null;
  idleSeconds: number | null;
  persistent: boolean;
  /** The sandbox that this one is a fork of. */
  parentId?: string;
  /** The snapshot that it began with. */
  fromSnapshot?: string;
  /** What was asked for and is not enforced on this host, in words. Of one that lives. */
  weaknesses?: string[];
  /** Of its wall. Of one that lives. */
  capabilities?: Capabilities;
  /** Of one that has ended. */
  endedAt?: Date;
  /** `"killed"`, `"expired"`, `"idle"`, `"guest_lost"`, `"daemon_ended"`, `"daemon_lost"`. */
  endReason?: string;
  endDetail?: string;
}

/** What confines the sandbox, read back from the kernel. Keys as the daemon writes them: docs/result.md. */
export interface Attestation {
  runtime: string;
  boundary: string;
  weaknesses: string[];
  [key: string]: unknown;
}

/** What a sandbox uses now, or has used since it began. */
export interface Metrics {
  cpuMs: number;
  memoryBytes: number;
  peakMemoryBytes: number;
  memoryLimitBytes: number;
  /** Processes and threads. */
  pids: number;
  pidsLimit: number;
  diskLimitBytes: number;
  uptimeMs: number;
  /** How often the memory limit ended a program. */
  memoryKills: number;
  /** How often a process was refused by the limit on them. */
  pidsRefusals: number;
}

export interface ExecOptions {
  /** Default `/workspace`. */
  cwd?: string;
  env?: Record<string, string>;
  /** All of the program's input. Default: none, its input is empty. */
  stdin?: string | Uint8Array;
  /** Wall-clock limit; seconds. Default: the sandbox's `limits.timeout`; in the background none. */
  timeoutSeconds?: number;
  /** Called with whole characters as they come. What throws ends the call, and the command. */
  onStdout?: (text: string) => void;
  onStderr?: (text: string) => void;
  /** Throw `CommandError` unless the command ends with `"ok"`. */
  check?: boolean;
  /** Aborting kills the command. */
  signal?: AbortSignal;
}

export interface BackgroundOptions {
  /** Returns when the program runs. It goes on without this client, until it ends, or its sandbox. */
  background: true;
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** Leave its input open for `Process.sendStdin()`. Default false: its input is empty. */
  keepStdin?: boolean;
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

export interface ProcessInfo {
  id: string;
  /** Inside; 0 if it could not be started. */
  pid: number;
  argv: string[];
  cwd: string;
  running: boolean;
  /** It runs at a terminal: `sandbox.terminal(id)`. */
  terminal: boolean;
  startedAt: Date;
  /** Bytes that it wrote so far. */
  stdoutBytes: number;
  stderrBytes: number;
}

export interface Result {
  /** The process's id: its output stays readable there for a while. */
  processId: string;
  status: Status;
  /** 0 to 255; 124, 125, 126 and 137 stand for limits: see `status`. */
  exitCode: number;
  /** The number of the signal that ended it. */
  signal: number | null;
  /** Head and tail of what it printed, at most `limits.output` bytes, and between them a line that says what is left out. */
  stdout: string;
  stderr: string;
  /** Bytes that are not in the text. `Process.output()` has them. */
  stdoutElided: number;
  stderrElided: number;
  /** Bytes that it wrote. */
  stdoutBytes: number;
  stderrBytes: number;
  /** Bytes that the daemon could not keep. */
  stdoutDropped: number;
  stderrDropped: number;
  durationMs: number;
  cpuMs: number;
  peakMemoryBytes: number;
  /** Limits that were met without ending the program. */
  limitsHit: string[];
  /** What a person should know, if the status does not say it. */
  note: string | null;
}

/** Bytes from the beginning of each stream. */
export interface Offsets {
  stdout: number;
  stderr: number;
}

export interface OutputChunk {
  stream: "stdout" | "stderr";
  data: Uint8Array;
  /** The same as text; a character that comes in two chunks is in the second. */
  text: string;
  /** Where to go on after this chunk. */
  next: Offsets;
}

export interface FileInfo {
  name: string;
  path: string;
  type: "file" | "dir" | "symlink" | "other";
  isDirectory: boolean;
  /** Bytes. */
  size: number;
  /** Permission bits: `0o644`. */
  mode: number;
  modifiedAt: Date;
  /** Of a symbolic link. */
  target?: string;
}

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array> | Blob;

/** What a request can carry: the DOM's `BodyInit`, in names that Node has as well. */
export type RequestContent = string | Uint8Array<ArrayBuffer> | ArrayBuffer | ReadableStream<Uint8Array> | Blob | FormData | URLSearchParams;

export interface TerminalOptions {
  /** Default 24. */
  rows?: number;
  /** Default 80. */
  columns?: number;
  /** Default `/workspace`. */
  cwd?: string;
  /** `TERM` is `xterm-256color`. */
  env?: Record<string, string>;
  /** Wall-clock limit; seconds. Default: none but the sandbox's end. */
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

/** When a sandbox will end by itself. */
export interface Lifetime {
  status: SandboxStatus;
  /** Counted from when it was set; `null`: it has no time-to-live. */
  ttlSeconds: number | null;
  /** Without any use; `null`: no such limit. */
  idleSeconds: number | null;
  persistent: boolean;
  expiresAt: Date | null;
}

/** The state of a sandbox at one moment, kept. */
export interface SnapshotInfo {
  id: string;
  sandboxId: string;
  template: string;
  createdAt: Date;
  sizeBytes: number;
  /** Whether memory and running programs are in it; behind the process wall only files are. */
  memory: boolean;
}

/** What became of a fork tree when one child was chosen. */
export interface Promotion {
  winner: string;
  /** `null`: it is no tree's child, and nothing was ended. */
  treeId: string | null;
  /** The siblings that were ended. */
  deleted: string[];
  /** Those that were not, and why. */
  failures: Record<string, string>;
}

/** A port inside that a server listens on. Both addresses want the key. */
export interface PortInfo {
  port: number;
  /** By host name, for browsers: an origin of its own. */
  url: string;
  /** Below the daemon's own address. */
  pathUrl: string;
}

/** An address of a port that opens without a key. */
export interface Preview {
  /** The one of the two that works from here. */
  url: string;
  hostUrl: string;
  pathUrl: string;
  expiresAt: Date;
}

export interface FileChange {
  /** `"overflow"`: some changes were lost, look again. `"limited"`: there are more folders than can be watched. */
  type: "created" | "modified" | "removed" | "moved" | "overflow" | "limited";
  path: string;
  isDirectory: boolean;
  /** Of `"moved"`. */
  from?: string;
}

export interface LogLine {
  /** With its end; what is longer than 64 KiB comes in parts. */
  text: string;
  stream: "stdout" | "stderr";
  processId: string;
}

export interface EventOptions extends Config {
  /** Only what happens to that one. */
  sandboxId?: string;
  /** The `id` of an event, to go on after it. */
  after?: string;
  /** Begin with what is kept: seven days, 100,000 events at most. Default: from now on. */
  fromOldest?: boolean;
  signal?: AbortSignal;
}

/** Something that happened to a sandbox. */
export interface SandboxEvent {
  /** For `after`. */
  id: string;
  /**
   * `"sandbox.created"`, `"sandbox.paused"`, `"sandbox.resumed"`, `"sandbox.lifetime"`, `"sandbox.ended"`, `"command.ended"`, or
   * `"events.lost"`: of what happened between the event before it and the one after it, some is not known.
   */
  type: string;
  at: Date;
  sandboxId: string | null;
  /** What the type brings along: `reason`, `process`, `status`, `exit_code`, `duration_ms`, … */
  data: Record<string, unknown>;
}
