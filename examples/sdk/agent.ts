/**
 * The loop of an agent that writes code: ask a model, run what it wrote in a sandbox, show it what went wrong, ask again.
 * Needs a daemon (`brig serve`), BRIG_API_URL and BRIG_API_KEY, and runs with `npx tsx agent.ts` in a package of `"type": "module"`. The "model" here is two canned answers, the first with a mistake.
 */
import { Sandbox } from "@brig/sdk";

const answers = [
  "import json\ntext = open('input.txt').read()\nprint(json.dumps({'words': len(text.splt())}))",
  "import json\nwords = open('input.txt').read().split()\nprint(json.dumps({'words': len(words), 'longest': max(words, key=len)}, separators=(',', ':')))",
];

async function askModel(task: string, mistake: string | undefined): Promise<string> {
  return answers[mistake === undefined ? 0 : 1]!; // here goes your model, with `task` and `mistake` in its prompt
}

await using sandbox = await Sandbox.create({ ttlSeconds: 120, limits: { memory: "256M" } });
await sandbox.filesystem.write("/workspace/input.txt", "the quick brown fox jumps over the lazy dog");

let mistake: string | undefined;
for (let attempt = 1; attempt <= 5; ++attempt) {
  await sandbox.filesystem.write("/workspace/task.py", await askModel("count the words of input.txt", mistake));
  const result = await sandbox.exec(["python3", "task.py"], { timeoutSeconds: 10 });
  console.log(`attempt ${attempt}: ${result.status}${result.status === "ok" ? "" : ` (exit code ${result.exitCode})`}`);
  if (result.status === "ok") {
    process.stdout.write(result.stdout);
    break;
  }
  mistake = result.stderr;
}
