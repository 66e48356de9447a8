import { NotFoundError } from "./errors.js";
import { Transport } from "./transport.js";
import type { Config, SnapshotInfo } from "./types.js";
import * as wire from "./wire.js";

function pathOf(id: string): string {
  return `/v1/snapshots/${encodeURIComponent(id)}`;
}

/**
 * The files of sandboxes at one moment, made by `sandbox.snapshot()`. One stays until it is deleted, also without its sandbox;
 * `Sandbox.create({ fromSnapshot: id })` begins with it.
 */
export const Snapshot = {
  /** This key's, the newest first; with `sandboxId`, those of that sandbox. */
  async list(options: Config & { sandboxId?: string } = {}): Promise<SnapshotInfo[]> {
    const json = await new Transport(options).json("GET", "/v1/snapshots", { query: { sandbox_id: options.sandboxId } });
    return json.snapshots.map(wire.snapshotInfo);
  },

  /** `NotFoundError` if this key has none of that id. */
  async get(id: string, config: Config = {}): Promise<SnapshotInfo> {
    return wire.snapshotInfo(await new Transport(config).json("GET", pathOf(id)));
  },

  /** False if there was none. Sandboxes that began with it are not touched. */
  async delete(id: string, config: Config = {}): Promise<boolean> {
    try {
      await new Transport(config).done("DELETE", pathOf(id));
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  },
};
