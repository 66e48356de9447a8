#!/bin/sh
# An agent's turn from the command line: code that a model has written is run in a sandbox, and the chart that it draws is fetched.
#
# usage: agent.sh DATA.csv CHART.png        (BRIG_API_KEY says who you are)
set -eu

# What the model answered to "how warm is each month?"; ask one of yours here.
model_code='
import matplotlib; matplotlib.use("Agg")
import pandas, matplotlib.pyplot as plt
days = pandas.read_csv("data.csv", parse_dates=["date"])
months = days.groupby(days.date.dt.month).temp_max.mean()
print(f"{months.idxmax()} is the warmest month: {months.max():.1f} degrees")
months.plot.bar(); plt.savefig("chart.png")
'

id=$(brig sandbox create --ttl 2m --memory 512M)
trap 'brig sandbox kill "$id"' EXIT
brig sandbox cp "$1" "$id:/workspace/data.csv"
printf '%s' "$model_code" | brig sandbox cp - "$id:/workspace/answer.py"
brig sandbox exec --timeout 60s "$id" python3 answer.py
brig sandbox cp "$id:/workspace/chart.png" "$2"
