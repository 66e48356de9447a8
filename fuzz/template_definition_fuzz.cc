// Attacker: a definition of a template. What is accepted goes to apt, dpkg and a shell as it is.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "image/definition.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto definition = image::parse_definition(text, "x.toml");
  if (!definition) return 0;
  constexpr std::string_view kOfAShell = " \t\n'\"\\$`;&|<>()!#~{}?,=";
  for (const auto* list : {&definition->packages, &definition->exclude, &definition->remove, &definition->purge}) {
    for (const std::string& word : *list)
      BRIG_CHECK(!word.empty() && word.front() != '-' && word.find_first_of(kOfAShell) == word.npos,
                 "a word that means more");
  }
  return 0;
}
