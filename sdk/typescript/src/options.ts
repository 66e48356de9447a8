/// Options that nobody knows: a misspelt one would be ignored in silence where no compiler looks.
import type { CodeContextOptions, RunCodeOptions } from "./code.js";
import { BadRequestError } from "./errors.js";
import type { BackgroundOptions, Config, CreateOptions, EventOptions, ExecOptions, Limits, ListOptions, TerminalOptions } from "./types.js";

/** Every name of T: the compiler sees to it that none is missing. */
type NamesOf<T> = Record<keyof T, true>;

const config: NamesOf<Config> = { apiUrl: true, apiKey: true, retries: true, fetch: true };

const known = {
  create: {
    ...config, fromSnapshot: true, template: true, ttlSeconds: true, idleSeconds: true, persistent: true, metadata: true, env: true, limits: true,
    policy: true, require: true, runtime: true, libraries: true, idempotencyKey: true, signal: true,
  } satisfies NamesOf<CreateOptions>,
  limits: {
    timeout: true, cpuTime: true, memory: true, cpus: true, pids: true, openFiles: true, disk: true, inodes: true, output: true, outputTotal: true,
  } satisfies NamesOf<Limits>,
  connect: config,
  list: { ...config, states: true, metadata: true, template: true, pageSize: true, signal: true } satisfies NamesOf<ListOptions>,
  events: { ...config, sandboxId: true, after: true, fromOldest: true, signal: true } satisfies NamesOf<EventOptions>,
  exec: {
    background: true, cwd: true, env: true, stdin: true, timeoutSeconds: true, onStdout: true, onStderr: true, check: true, signal: true,
  } satisfies NamesOf<ExecOptions & { background?: false }>,
  "exec in the background": {
    background: true, cwd: true, env: true, stdin: true, keepStdin: true, timeoutSeconds: true, signal: true,
  } satisfies NamesOf<BackgroundOptions>,
  terminal: { rows: true, columns: true, cwd: true, env: true, timeoutSeconds: true, signal: true } satisfies NamesOf<TerminalOptions>,
  runCode: {
    language: true, context: true, timeoutSeconds: true, envs: true, cwd: true, onStdout: true, onStderr: true, onResult: true, onError: true, signal: true,
  } satisfies NamesOf<RunCodeOptions>,
  createCodeContext: { language: true, cwd: true, envs: true } satisfies NamesOf<CodeContextOptions>,
};

/** How many letters have to be added, left out or changed. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; ++i) {
    const next = [i];
    for (let j = 1; j <= other.length; ++j) {
      const change = one[i - 1] === other[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change));
    }
    row = next;
  }
  return row[other.length]!;
}

/** "ttl" and "ttl_seconds" are meant to be "ttlSeconds". */
function closest(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.replace(/[_-]/g, "").toLowerCase().slice(0, 40);
  const given = plain(name);
  if (given.length >= 3) {
    const begun = names.find((one) => plain(one).startsWith(given) || given.startsWith(plain(one)));
    if (begun !== undefined) return begun;
  }
  const [nearest] = names.map((one) => ({ one, far: distance(given, plain(one)) })).sort((a, b) => a.far - b.far);
  return nearest !== undefined && nearest.far <= Math.max(1, given.length / 3) ? nearest.one : undefined;
}

/** `BadRequestError` for a name that `what` does not take. One whose value is undefined is none. */
export function expectKnown(what: keyof typeof known, options: object): void {
  const names = Object.keys(known[what]);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue;
    const meant = closest(name, names);
    const mend = meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`;
    throw new BadRequestError(`${what}: no option "${name.slice(0, 60)}": ${mend}`);
  }
}
