"""Four years of weather in Seattle: a table by month, days by kind of weather, and a chart."""
import matplotlib.pyplot as plt
import pandas as pd

weather = pd.read_csv("seattle-weather.csv", parse_dates=["date"])
print(f"{len(weather)} days, {weather['date'].min():%Y-%m-%d} to {weather['date'].max():%Y-%m-%d}\n")

months = weather.groupby(weather["date"].dt.month).agg(
    rain_mm=("precipitation", "sum"),
    warmest=("temp_max", "max"),
    coldest=("temp_min", "min"),
    mean_max=("temp_max", "mean"),
)
months["rain_mm"] /= weather["date"].dt.year.nunique()
months.index = [pd.Timestamp(2012, month, 1).strftime("%b") for month in months.index]
months.index.name = "month"
print(months.round(1).to_string())

print("\nDays by weather:")
print(weather["weather"].value_counts().to_string())

figure, rain = plt.subplots(figsize=(8, 4.5))
rain.bar(months.index, months["rain_mm"], color="tab:blue", alpha=0.6, label="rain")
rain.set_ylabel("rain, mm a month")
warmth = rain.twinx()
warmth.plot(months.index, months["mean_max"], color="tab:red", marker="o", label="mean maximum")
warmth.set_ylabel("mean maximum, °C")
rain.set_title("Seattle, 2012 to 2015")
figure.tight_layout()
figure.savefig("weather.png", dpi=120)
plt.show()
