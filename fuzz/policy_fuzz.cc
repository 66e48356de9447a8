// Any text is either a valid policy, which survives being written and read back, or an error that names the file.
#include <cstdint>

#include "base/check.h"
#include "policy/explain.h"
#include "policy/overrides.h"
#include "policy/parse.h"
#include "policy/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace policy = brig::policy;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = policy::parse_policy(text, "p.toml");
  if (parsed.has_value()) {
    BRIG_CHECK(policy::validate(*parsed).has_value(), "parse_policy returned an invalid policy");
    const auto back = policy::parse_policy(policy::to_toml(*parsed), "p.toml");
    BRIG_CHECK(back.has_value(), "a written policy does not parse");
    BRIG_CHECK(*back == *parsed, "a written policy reads back differently");
    BRIG_CHECK(policy::explain(*parsed).ends_with('\n'), "explain is not lines");
    BRIG_CHECK(policy::explain_json(*parsed).starts_with('{'), "explain_json is not an object");
  } else {
    BRIG_CHECK(parsed.error().message().starts_with("p.toml:"), "an error without the file");
  }
  policy::Overrides overrides;
  overrides.in = {text};
  overrides.env = {text};
  overrides.memory = text;
  overrides.cpus = text;
  (void)policy::apply(policy::Policy{}, overrides, "/home/me").has_value();
  if (const auto mount = policy::parse_in(text, "/home/me"); mount.has_value()) {
    BRIG_CHECK(mount->access == policy::Access::kReadOnly, "--in made a writable mount");
  }
  return 0;
}
