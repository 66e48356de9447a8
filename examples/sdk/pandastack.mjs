/**
 * An agent's turn with PandaStack's published client: code that a model has written is run in a sandbox, and the chart that it draws is fetched.
 *
 * usage: node pandastack.mjs DATA.csv CHART.svg     (PANDASTACK_API and PANDASTACK_API_KEY say where the daemon is and who asks)
 */
import { readFile } from "node:fs/promises";
import { Sandbox } from "@pandastack/sdk";

// What the model answered to "how warm is each month?"; ask one of yours here.
const modelCode = `
import matplotlib; matplotlib.use("Agg")
import pandas, matplotlib.pyplot as plt
days = pandas.read_csv("data.csv", parse_dates=["date"])
months = days.groupby(days.date.dt.month).temp_max.mean()
print(f"{months.idxmax()} is the warmest month: {months.max():.1f} degrees")
months.plot.bar(); plt.savefig("chart.svg")
`;

const [data, chart] = process.argv.slice(2);
const sandbox = await Sandbox.create({ ttlSeconds: 120 });
try {
  await sandbox.filesystem.write("/workspace/data.csv", await readFile(data));
  await sandbox.filesystem.write("/workspace/answer.py", modelCode);
  const result = await sandbox.exec("python3 answer.py", { timeoutSeconds: 60 });
  if (result.exitCode !== 0) throw new Error(`the code ended with ${result.exitCode}:\n${result.stderr}`);
  process.stdout.write(result.stdout);
  // This client takes every file for text, so the chart is one.
  await sandbox.filesystem.download("/workspace/chart.svg", chart);
} finally {
  await sandbox.kill();
}
