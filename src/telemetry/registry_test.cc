#include "telemetry/registry.h"

#include <gtest/gtest.h>

#include <limits>

namespace brig::telemetry {
namespace {

constexpr std::array<std::string_view, 2> kLabels{"route", "status"};
constexpr std::array<std::string_view, 1> kState{"state"};
constexpr std::array<double, 3> kBounds{0.1, 0.5, 2};

TEST(Registry, AnEmptyOneHasNoText) { EXPECT_EQ(Registry().text(), ""); }

TEST(Registry, WritesCountersWithLabelsInOrder) {
  Registry registry;
  auto& requests = registry.counters("brig_requests_total", "Requests\nthat \\ were answered.", kLabels);
  requests.with({"b", "2xx"}).add();
  requests.with({"a", "5xx"}).add(3);
  requests.with({"a", "2xx"}).add();
  requests.with({"a", "2xx"}).add();
  EXPECT_EQ(registry.text(),
            "# HELP brig_requests_total Requests\\nthat \\\\ were answered.\n"
            "# TYPE brig_requests_total counter\n"
            "brig_requests_total{route=\"a\",status=\"2xx\"} 2\n"
            "brig_requests_total{route=\"a\",status=\"5xx\"} 3\n"
            "brig_requests_total{route=\"b\",status=\"2xx\"} 1\n");
}

TEST(Registry, EscapesALabelsValue) {
  Registry registry;
  registry.gauges("g", "help", kState).with({"a\"b\\c\nd"}).set(-1.5);
  EXPECT_EQ(registry.text(), "# HELP g help\n# TYPE g gauge\ng{state=\"a\\\"b\\\\c\\nd\"} -1.5\n");
}

TEST(Registry, WhatHasNoLabelsIsThereFromTheBeginning) {
  Registry registry;
  auto& ready = registry.gauges("ready", "help");
  registry.counters("hits_total", "help");
  EXPECT_EQ(registry.text(),
            "# HELP ready help\n# TYPE ready gauge\nready 0\n"
            "# HELP hits_total help\n# TYPE hits_total counter\nhits_total 0\n");
  ready.with().set(1e15);
  EXPECT_NE(registry.text().find("ready 1e+15\n"), std::string::npos);
  ready.with().set(std::numeric_limits<double>::infinity());
  EXPECT_NE(registry.text().find("ready +Inf\n"), std::string::npos);
}

TEST(Registry, AHistogramsBucketsAddUp) {
  Registry registry;
  auto& seconds = registry.histograms("seconds", "help", kState, kBounds);
  for (const double value : {0.05, 0.1, 0.25, 2.0, 7.5}) seconds.with({"x"}).observe(value);
  EXPECT_EQ(registry.text(),
            "# HELP seconds help\n# TYPE seconds histogram\n"
            "seconds_bucket{state=\"x\",le=\"0.1\"} 2\n"  // a bound is part of its bucket
            "seconds_bucket{state=\"x\",le=\"0.5\"} 3\n"
            "seconds_bucket{state=\"x\",le=\"2\"} 4\n"
            "seconds_bucket{state=\"x\",le=\"+Inf\"} 5\n"
            "seconds_sum{state=\"x\"} 9.9\n"
            "seconds_count{state=\"x\"} 5\n");
}

TEST(Registry, AHistogramWithoutLabelsHasItsBoundsOnly) {
  Registry registry;
  registry.histograms("h", "help", {}, kBounds).with().observe(1);
  EXPECT_EQ(registry.text(),
            "# HELP h help\n# TYPE h histogram\nh_bucket{le=\"0.1\"} 0\nh_bucket{le=\"0.5\"} 0\nh_bucket{le=\"2\"} 1\n"
            "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n");
}

TEST(Registry, ALabelThatTurnsOutToBeFreeIsBounded) {
  Registry registry;
  auto& family = registry.counters("c", "help", kState);
  for (int i = 0; i < 10'000; ++i) family.with({std::to_string(i)}).add();
  EXPECT_EQ(family.series().size(), kSeriesMost);
  std::uint64_t total = 0;
  for (const auto& [values, series] : family.series()) total += series.count();
  EXPECT_EQ(total, 10'000U);
  EXPECT_EQ(family.series().at({"other"}).count(), 10'000U - (kSeriesMost - 1));
  family.with({"7"}).add();
  EXPECT_EQ(family.series().at({"7"}).count(), 2U) << "who has a place keeps it";
}

TEST(RegistryDeathTest, WrongLabelsAndSecondNamesAreBugs) {
  Registry registry;
  auto& family = registry.counters("c", "help", kState);
  EXPECT_DEATH((void)family.with({"a", "b"}), "");
  EXPECT_DEATH((void)registry.gauges("c", "help"), "");
}

}  // namespace
}  // namespace brig::telemetry
