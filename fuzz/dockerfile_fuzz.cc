// Attacker: a Dockerfile, a .dockerignore. What the reader makes of it is what the host accepts as a plan, and is read
// back as the same; patterns end.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "image/worker/dockerfile.h"
#include "image/worker/patterns.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const image::DockerfileInput input{
      .text = text,
      .templates = {{"base", {.environment = {{"PATH", "/bin"}}, .working_folder = "/srv"}}},
      .arguments = {{"A", "b"}}};
  if (const auto plan = image::read_dockerfile(input)) {
    const std::string json = image::to_json(*plan);
    const auto again = image::parse_plan(json);
    BRIG_CHECK(again.has_value() ? *again == *plan : json.size() > image::kPlanBytesMost,
               "the host takes another plan");
  }
  (void)image::parse_plan(text).has_value();
  if (const auto list = image::IgnoreList::parse(text)) (void)list->ignores("a/b/c/d").has_value();
  (void)image::matches(text, "a/b/c/d/aaaaaaaaaaaaaaaaaaaaaaaa").has_value();
  return 0;
}
