#!/bin/sh
# An agent's turn with curl and jq: code that a model has written is run in a sandbox, and the chart that it draws is fetched.
#
# usage: curl.sh DATA.csv CHART.png        (BRIG_API_KEY says who you are)
set -eu
if [ $# -ne 2 ] || [ -z "${BRIG_API_KEY:-}" ]; then
  echo "usage: BRIG_API_KEY=brig_… $0 DATA.csv CHART.png" >&2
  exit 2
fi

# What the model answered to "how warm is each month?"; ask one of yours here.
model_code='
import matplotlib; matplotlib.use("Agg")
import pandas, matplotlib.pyplot as plt
days = pandas.read_csv("data.csv", parse_dates=["date"])
months = days.groupby(days.date.dt.month).temp_max.mean()
print(f"{months.idxmax()} is the warmest month: {months.max():.1f} degrees")
months.plot.bar(); plt.savefig("chart.png")
'

ask() { curl -sS --fail-with-body -H "Authorization: Bearer $BRIG_API_KEY" "$@"; }

api=${BRIG_API_URL:-http://127.0.0.1:2744}/v1/sandboxes
id=$(ask "$api" -d '{"ttl_seconds": 120, "limits": {"memory": "512M"}}' | jq -r .id)
trap 'ask -X DELETE "$api/$id"' EXIT
ask -T "$1" "$api/$id/fs?path=/workspace/data.csv" >/dev/null
printf '%s' "$model_code" | ask -T - "$api/$id/fs?path=/workspace/answer.py" >/dev/null
result=$(ask "$api/$id/exec" -d '{"cmd": "python3 answer.py", "timeout_seconds": 60}')
printf '%s' "$result" | jq -j .stdout
[ "$(printf '%s' "$result" | jq -r .status)" = ok ] || { printf '%s' "$result" | jq -r .stderr >&2; exit 1; }
ask -o "$2" "$api/$id/fs?path=/workspace/chart.png"
