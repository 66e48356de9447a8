// Answers of another Brig, or of whoever is where it was looked for.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "runtimes/remote/answers.h"

using namespace brig;
using namespace brig::runtimes::remote;

namespace {

void expect_shown(std::string_view text) {
  BRIG_CHECK(printable(text, text.size()) == text, "a text that may drive a terminal");
  BRIG_CHECK(text.size() <= 4 * kTextMax + 64, "a text without end");
}

void expect_shown(const std::vector<std::string>& texts) {
  BRIG_CHECK(texts.size() <= kTextsMax, "texts without end");
  for (const std::string& text : texts) expect_shown(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto foreseen = read_foreseen(text)) expect_shown(foreseen->weaknesses);
  if (const auto id = read_created(text)) {
    BRIG_CHECK(id->find_first_of("/?#%.\\ ") == std::string::npos, "an id that leads elsewhere");
  }
  if (const auto a = read_attestation(text)) {
    for (const auto* one : {&a->runtime, &a->kernel, &a->user_mapping, &a->capabilities, &a->lsm_label, &a->network,
                            &a->rootfs.image, &a->cgroup.version, &a->seccomp.default_action})
      expect_shown(*one);
    expect_shown(a->namespaces);
    expect_shown(a->weaknesses);
  }
  (void)read_figures(text);
  if (const auto standing = read_standing(text)) expect_shown(standing->end_detail);
  expect_shown(error_of(403, text, "host").message());
  return 0;
}
