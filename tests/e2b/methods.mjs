/// What each method of E2B's clients is expected to do, as checks that can fail: one file of methods/ for each part.
///
/// A check gets a context: `t.box` (a sandbox for all rows), `t.make(template?, options?)` (one of its own, ended afterwards), `t.folder` on this
/// machine, `t.apiUrl`, `t.key`. It returns nothing if the method does what E2B documents, or a sentence that says how it differs; what of
/// that can be seen from here is asserted. A refusal is what the daemon answers: a check that ends with it (501, or "unimplemented") is
/// written down as refused; one that the daemon refuses otherwise is caught by refused().
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";

export class Refused extends Error {}

/// The check's verdict for a call that is answered with an error of ours which is no 501: a sentence that matches `pattern`.
export async function refused(call, pattern) {
  const error = await call().then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.match(error.message, pattern);
  throw new Refused(error.message);
}

export const row = (method, route, check) => ({ method, route, check });

/// "2. Commands" before "3. Terminals": by the number in the file's title.
export async function sections() {
  const folder = new URL("methods/", import.meta.url);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".mjs"));
  const all = await Promise.all(names.map((name) => import(new URL(name, folder))));
  return all.map(({ title, order, methods }) => ({ title, order, methods })).sort((a, b) => a.order - b.order);
}
