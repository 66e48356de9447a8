/// From the daemon's JSON to this package's types.
import type {
  FileInfo, Lifetime, Limits, Metrics, PortInfo, Preview, ProcessInfo, Promotion, Result, RuntimeInfo, SandboxEvent, SandboxInfo, SnapshotInfo, Status, TemplateBuild, TemplateInfo,
} from "./types.js";

// biome-ignore lint: what comes over the wire has no type until it is read here
export type Json = any;

export function sandboxInfo(json: Json): SandboxInfo {
  const info: SandboxInfo = {
    id: json.id,
    template: json.template,
    status: json.status,
    runtime: json.runtime,
    boundary: json.boundary,
    metadata: json.metadata ?? {},
    createdAt: new Date(json.created_at),
    expiresAt: json.expires_at ? new Date(json.expires_at) : null,
    ttlSeconds: json.ttl_seconds ?? null,
    idleSeconds: json.idle_seconds ?? null,
    persistent: json.persistent === true,
  };
  if (json.parent_id) info.parentId = json.parent_id;
  if (json.from_snapshot) info.fromSnapshot = json.from_snapshot;
  if (json.weaknesses) info.weaknesses = json.weaknesses;
  if (json.capabilities) info.capabilities = json.capabilities;
  if (json.ended_at) info.endedAt = new Date(json.ended_at);
  if (json.end_reason) info.endReason = json.end_reason;
  if (json.end_detail) info.endDetail = json.end_detail;
  return info;
}

export function runtimeInfo(json: Json): RuntimeInfo {
  return {
    name: json.name,
    boundary: json.boundary,
    available: json.available,
    whyNot: json.why_not ?? null,
    allowed: json.allowed,
    capabilities: json.capabilities ?? null,
    weaknesses: json.weaknesses,
  };
}

export function templateInfo(json: Json): TemplateInfo {
  return {
    name: json.name,
    digest: json.digest ?? null,
    sizeBytes: json.size_bytes,
    description: json.description,
    createdAt: json.created_at ? new Date(json.created_at) : null,
    cpu: json.cpu,
    memoryMb: json.memory_mb,
    workingFolder: json.working_folder,
    languages: json.languages,
    usable: json.usable,
    whyNot: json.why_not ?? null,
    allowed: json.allowed,
  };
}

export function processInfo(json: Json): ProcessInfo {
  return {
    id: json.id,
    pid: json.pid,
    argv: json.argv,
    cwd: json.cwd,
    running: json.running,
    terminal: json.terminal,
    startedAt: new Date(json.started_at),
    stdoutBytes: json.stdout_bytes,
    stderrBytes: json.stderr_bytes,
  };
}

/** Of a process that has ended. */
export function result(json: Json): Result {
  return {
    processId: json.id,
    status: json.status as Status,
    exitCode: json.exit_code,
    signal: json.signal ?? null,
    stdout: json.stdout ?? "",
    stderr: json.stderr ?? "",
    stdoutElided: json.stdout_elided ?? 0,
    stderrElided: json.stderr_elided ?? 0,
    stdoutBytes: json.stdout_bytes,
    stderrBytes: json.stderr_bytes,
    stdoutDropped: json.stdout_dropped,
    stderrDropped: json.stderr_dropped,
    durationMs: json.duration_ms,
    cpuMs: json.cpu_ms,
    peakMemoryBytes: json.peak_memory_bytes,
    limitsHit: json.limits_hit ?? [],
    note: json.note ?? null,
  };
}

export function fileInfo(json: Json, path: string): FileInfo {
  const info: FileInfo = {
    name: json.name,
    path,
    type: json.type,
    isDirectory: json.is_dir,
    size: json.size,
    mode: json.mode,
    modifiedAt: new Date(json.mtime),
  };
  if (json.target !== undefined) info.target = json.target;
  return info;
}

export function metrics(json: Json): Metrics {
  return {
    cpuMs: json.cpu_ms,
    memoryBytes: json.memory_bytes,
    peakMemoryBytes: json.peak_memory_bytes,
    memoryLimitBytes: json.memory_limit_bytes,
    pids: json.pids,
    pidsLimit: json.pids_limit,
    diskLimitBytes: json.disk_limit_bytes,
    uptimeMs: json.uptime_ms,
    memoryKills: json.memory_kills,
    pidsRefusals: json.pids_refusals,
  };
}

/** `openFiles` is `open_files` there. */
export function limits(given: Limits): Record<string, number | string> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined).map(([name, value]) => [snake(name), value]));
}

export function lifetime(json: Json): Lifetime {
  return {
    status: json.status,
    ttlSeconds: json.ttl_seconds ?? null,
    idleSeconds: json.idle_seconds ?? null,
    persistent: json.persistent,
    expiresAt: json.expires_at ? new Date(json.expires_at) : null,
  };
}

export function snapshotInfo(json: Json): SnapshotInfo {
  return {
    id: json.id,
    sandboxId: json.sandbox_id,
    template: json.template,
    createdAt: new Date(json.created_at),
    sizeBytes: json.size_bytes,
    memory: json.memory,
  };
}

export function templateBuild(json: Json): TemplateBuild {
  return {
    id: json.id,
    name: json.name,
    kind: json.kind,
    status: json.status,
    error: json.error ?? null,
    startedAt: new Date(json.started_at),
    endedAt: json.ended_at ? new Date(json.ended_at) : null,
    bytes: json.bytes ?? null,
    digest: json.digest ?? null,
  };
}

export function promotion(json: Json): Promotion {
  return { winner: json.winner, treeId: json.tree_id ?? null, deleted: json.deleted, failures: json.failures };
}

export function portInfo(json: Json): PortInfo {
  return { port: json.port, url: json.proxy_url, pathUrl: json.path_url };
}

export function preview(json: Json): Preview {
  return { url: json.url, hostUrl: json.host_url, pathUrl: json.path_url, expiresAt: new Date(json.expires_at) };
}

/** `events.lost` has no time of its own. */
export function sandboxEvent(id: string, type: string, json: Json): SandboxEvent {
  if (json.at === undefined) return { id, type, at: new Date(), sandboxId: null, data: json };
  return { id, type, at: new Date(json.at), sandboxId: json.sandbox_id ?? null, data: json.data };
}
