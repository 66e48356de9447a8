#include "service/kernel.h"

#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "json/json.h"

namespace brig::service {
namespace {

using ::testing::HasSubstr;
using Type = KernelEvent::Type;

TEST(Kernel, EveryLanguageHasOne) {
  for (const Language& language : languages()) {
    const auto launch = kernel_of(language, mebibytes(256));
    ASSERT_TRUE(launch) << language.name;
    EXPECT_EQ(launch->argv.at(0), language.interpreter);
    EXPECT_THAT(launch->argv, ::testing::Contains(launch->files.at(0).path.text()));
    for (const GuestFile& file : launch->files) EXPECT_FALSE(file.text.empty()) << file.path.text();
  }
  EXPECT_EQ(kernel_of(**find_language("ts"), mebibytes(256))->argv.back(), "typescript");
  EXPECT_EQ(kernel_of(**find_language("js"), mebibytes(256))->argv.size(), 2U);
  EXPECT_EQ(kernel_of(**find_language("java"), mebibytes(256))->argv.at(1), "-Xmx128m");
  const Language other{.name = "cobol"};
  EXPECT_EQ(kernel_of(other, mebibytes(256)).error().code(), Code::kUnsupported);
}

TEST(Kernel, PythonIsForked) {
  const Language& python = *find_language("python").value();
  const auto zygote = zygote_of(python, {"json", "a.b"});
  ASSERT_TRUE(zygote);
  const auto& argv = zygote->argv;
  ASSERT_GE(argv.size(), 3U);
  EXPECT_THAT(std::vector(argv.end() - 2, argv.end()), ::testing::ElementsAre("json", "a.b"));
  EXPECT_THAT(argv.at(argv.size() - 3), ::testing::EndsWith("/zygote.py"));
  EXPECT_EQ(zygote->files.back().path.text(), argv.at(argv.size() - 3));
  EXPECT_EQ(zygote->files.size(), kernel_of(python, mebibytes(256))->files.size() + 1);
  EXPECT_EQ(zygote_of(*find_language("bash").value(), {}).error().code(), Code::kUnsupported);
}

TEST(Kernel, WhatActsAtAStartMustBeTheSameForAFork) {
  const std::vector<std::string> one{"PATH=/bin", "PYTHONPATH=/a", "COLOUR=red", "LC_ALL=C"};
  EXPECT_TRUE(starts_alike(one, {"LC_ALL=C", "PYTHONPATH=/a", "PATH=/bin", "SHAPE=round"}));
  EXPECT_FALSE(starts_alike(one, {"LC_ALL=C", "PYTHONPATH=/b", "PATH=/bin"}));
  EXPECT_FALSE(starts_alike(one, {"LC_ALL=C", "PYTHONPATH=/a"}));
  EXPECT_FALSE(starts_alike({}, {"OPENBLAS_NUM_THREADS=3"}));
  EXPECT_FALSE(starts_alike({"BRIG_ENGINE=stdlib"}, {"BRIG_ENGINE=ipython"}));
  EXPECT_TRUE(starts_alike({}, {"PATHS=1", "MY_PYTHON=1", "nonsense", ""}));
}

TEST(Kernel, ARequestIsOneLine) {
  const auto request = run_request(7, {.code = "a = 1\nb",
                                       .timeout = Milliseconds(1500),
                                       .environment = {{.name = "A", .value = "x\"y"}},
                                       .cwd = "/tmp"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->find('\n'), request->size() - 1);
  const auto value = json::parse(*request);
  ASSERT_TRUE(value);
  const auto& object = value->as_object();
  EXPECT_EQ(object.at("code").as_string(), "a = 1\nb");
  EXPECT_EQ(object.at("timeout_ms").as_int64(), 1500);
  EXPECT_EQ(object.at("cwd").as_string(), "/tmp");
  EXPECT_EQ(object.at("env").as_object().at("A").as_string(), "x\"y");
  EXPECT_THAT(run_request(1, {.code = std::string(kCellMax + 1, ' ')}).error().message(), HasSubstr("10M"));
  EXPECT_EQ(run_request(1, {.code = "\xff"}).error().code(), Code::kInvalidArgument);
}

TEST(Kernel, EventsAreTakenStrictly) {
  EXPECT_EQ(parse_kernel_event(R"({"type":"ready","language":"python"})")->type, Type::kReady);
  const auto begin = parse_kernel_event(R"({"type":"begin","id":3,"count":9})");
  EXPECT_EQ(begin->id, 3);
  EXPECT_EQ(begin->count, 9);
  const auto result = parse_kernel_event(R"({"type":"result","id":3,"data":{"text/plain":"1"},"is_main":true})");
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->is_main);
  EXPECT_EQ(*result->result.find("text/plain"), "1");
  const auto error = parse_kernel_event(R"({"type":"error","id":3,"name":"E","value":"v","traceback":"t"})");
  EXPECT_EQ(error->error.name, "E");
  const auto end = parse_kernel_event(R"({"type":"end","id":3,"status":"exit","exit_code":5})");
  EXPECT_EQ(end->status, "exit");
  EXPECT_EQ(end->exit_code, 5);
  for (const char* text : {"", "x", "[]", "{}", R"({"type":"end","id":3})", R"({"type":"end","id":3,"status":"won"})",
                           R"({"type":"end","id":"3","status":"ok"})", R"({"type":"end","status":"ok"})",
                           R"({"type":"result","id":3})", R"({"type":"result","id":3,"data":{"no mime":"1"}})",
                           R"({"type":"result","id":3,"data":{"a/b":1}})", R"({"type":"news","id":3})"})
    EXPECT_FALSE(parse_kernel_event(text)) << text;
}

}  // namespace
}  // namespace brig::service
