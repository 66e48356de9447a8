#!/usr/bin/env python3
"""An agent's turn: code that a model has written is run in a sandbox, and the chart that it draws is fetched.

usage: agent.py DATA.csv CHART.png        (BRIG_API_KEY says who you are; `pip install sdk/python` installs brig)
"""
import sys

if len(sys.argv) != 3:
    sys.exit(__doc__.strip())
from brig import Sandbox  # noqa: E402 (whoever reads the usage may not have it yet)

# What the model answered to "how warm is each month?"; ask one of yours here.
MODEL_CODE = """
import matplotlib; matplotlib.use("Agg")
import pandas, matplotlib.pyplot as plt
days = pandas.read_csv("data.csv", parse_dates=["date"])
months = days.groupby(days.date.dt.month).temp_max.mean()
print(f"{months.idxmax()} is the warmest month: {months.max():.1f} degrees")
months.plot.bar(); plt.savefig("chart.png")
"""

data, chart = sys.argv[1:]
with Sandbox.create(ttl_seconds=120, limits={"memory": "512M"}) as sandbox:
    sandbox.filesystem.upload(data, "/workspace/data.csv")
    sandbox.filesystem.write("/workspace/answer.py", MODEL_CODE)
    result = sandbox.exec("python3 answer.py", timeout_seconds=60, on_stdout=lambda text: print(text, end=""))
    if not result.ok:
        sys.exit(f"the code ended with {result.status}:\n{result.stderr}")
    size = sandbox.filesystem.download("/workspace/chart.png", chart)
    print(f"{chart}: {size} bytes, drawn in {result.duration_ms} ms")
