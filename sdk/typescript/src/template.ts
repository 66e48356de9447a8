import { BrigError, NotFoundError, TimeoutError } from "./errors.js";
import { sleep, Transport } from "./transport.js";
import type { Config, RequestContent, TemplateBuild, TemplateOptions } from "./types.js";
import * as wire from "./wire.js";

const lookEveryMs = 200;

function buildPath(build: string | TemplateBuild): string {
  return `/v1/templates/builds/${encodeURIComponent(typeof build === "string" ? build : build.id)}`;
}

/**
 * What sandboxes are made from, made by a key that may (`brig keys create --may-build-templates`). Only that key sees it:
 * `Sandbox.templates()` lists them, `Sandbox.create({ template })` uses one.
 */
export const Template = {
  /** Asks for one made of a Dockerfile's text, and of the files that it copies, by relative path; `wait()` says what came of it. */
  async build(name: string, dockerfile: string, options: Config & TemplateOptions = {}): Promise<TemplateBuild> {
    const form = new FormData();
    form.set("name", name);
    form.set("dockerfile", dockerfile);
    if (options.cpus !== undefined) form.set("cpu", String(options.cpus));
    if (options.memoryMb !== undefined) form.set("memory_mb", String(options.memoryMb));
    for (const [path, contents] of Object.entries(options.context ?? {})) form.set(path, new Blob([contents]), path.split("/").at(-1));
    return wire.templateBuild(await new Transport(options).json("POST", "/v1/templates/build", { body: form }));
  },

  /** The same of an archive: an OCI layout as a tar, a `docker save` archive (`image`: which of several) or a tar of files. */
  async import(name: string, archive: RequestContent, options: Config & { image?: string } = {}): Promise<TemplateBuild> {
    const query = { name, image: options.image };
    return wire.templateBuild(await new Transport(options).json("POST", "/v1/templates/import", { query, body: archive }));
  },

  /** The build when it is done. `BrigError` with its sentence if it failed, `TimeoutError` if it takes longer (default 30 minutes). */
  async wait(build: string | TemplateBuild, options: Config & { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<TemplateBuild> {
    const transport = new Transport(options);
    const until = Date.now() + (options.timeoutMs ?? 1_800_000);
    while (true) {
      const now = wire.templateBuild(await transport.json("GET", buildPath(build), { signal: options.signal }));
      if (now.status === "done") return now;
      if (now.status === "failed") throw new BrigError(`the template ${now.name} was not made: ${now.error}`);
      if (Date.now() > until) throw new TimeoutError(`the template ${now.name} is not made after so long`);
      await sleep(lookEveryMs, options.signal);
    }
  },

  /** This key's, the newest first; a daemon forgets them when it is started again. */
  async builds(config: Config = {}): Promise<TemplateBuild[]> {
    const json = await new Transport(config).json("GET", "/v1/templates/builds");
    return json.items.map(wire.templateBuild);
  },

  /** What was said so far. */
  async log(build: string | TemplateBuild, config: Config = {}): Promise<string> {
    return (await new Transport(config).send("GET", `${buildPath(build)}/logs`)).text();
  },

  /** Ends it; nothing comes of it. `ConflictError` if it has ended already. */
  async cancel(build: string | TemplateBuild, config: Config = {}): Promise<void> {
    await new Transport(config).done("DELETE", buildPath(build));
  },

  /** Removes one that this key had made. False if there was none. Sandboxes that run on it go on. */
  async delete(name: string, config: Config = {}): Promise<boolean> {
    try {
      await new Transport(config).done("DELETE", `/v1/templates/${encodeURIComponent(name)}`);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  },
};
