/** The daemon of these tests is at BRIG_API_URL, BRIG_API_KEY (tests/node/suite.py starts one). */
import { after } from "node:test";
import { type CreateOptions, Sandbox } from "@brig/sdk";

export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** One for a whole file of tests; killed after them. */
export async function forAllTests(options: CreateOptions = {}): Promise<Sandbox> {
  const sandbox = await Sandbox.create({ ttlSeconds: 300, ...options });
  after(() => sandbox.kill());
  return sandbox;
}

/** Until it holds; fails after a long while. */
export async function eventually(claim: () => boolean): Promise<void> {
  for (const giveUp = Date.now() + 30_000; !claim(); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > giveUp) throw new Error(`did not come true: ${claim}`);
}
