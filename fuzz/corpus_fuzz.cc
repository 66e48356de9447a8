// A corpus file from outside: any bytes give snippets, or an error that names a line or says that there is none. What
// is read has no more text than the file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attack/snippets.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto snippets = brig::attack::parse_corpus(text);
  if (!snippets) {
    const std::string& message = snippets.error().message();
    BRIG_CHECK(message.starts_with("line ") || message == "there is no snippet in it",
               "an error that does not say where");
    return 0;
  }
  BRIG_CHECK(!snippets->empty(), "no snippet and no error");
  std::size_t bytes = 0;
  for (const brig::attack::Snippet& snippet : *snippets) bytes += snippet.code.size();
  BRIG_CHECK(bytes <= size, "more code than the file has");  // an escape is longer than what it stands for
  return 0;
}
