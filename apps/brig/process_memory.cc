#include "process_memory.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "sys/file.h"

namespace brig::cli {
namespace {

/// The number after `name` in a file of "Name:   123 kB" lines.
std::size_t kib_in(const std::string& path, std::string_view name) {
  const auto text = sys::read_file(path, 65536);
  if (!text.has_value()) return 0;
  const std::size_t at = text->find(name);
  if (at == std::string::npos) return 0;
  const std::size_t digit = text->find_first_of("0123456789", at);
  if (digit == std::string::npos) return 0;
  std::size_t kilobytes = 0;
  std::from_chars(text->data() + digit, text->data() + text->size(), kilobytes);
  return kilobytes;
}

std::vector<std::string> children_of(const std::string& pid) {
  std::vector<std::string> pids;
  const auto text = sys::read_file("/proc/" + pid + "/task/" + pid + "/children", 1 << 20);
  if (!text.has_value()) return pids;
  std::string word;
  for (const char c : *text) {
    if (c != ' ') word += c;
    else if (!word.empty()) pids.push_back(std::exchange(word, {}));
  }
  return pids;
}

}  // namespace

std::size_t pss_of(const std::string& pid) { return kib_in("/proc/" + pid + "/smaps_rollup", "\nPss:"); }

std::size_t pss_below(const std::string& pid) {
  std::size_t sum = 0;
  for (const std::string& child : children_of(pid)) sum += pss_of(child) + pss_below(child);
  return sum;
}

std::size_t memory_available() { return kib_in("/proc/meminfo", "\nMemAvailable:"); }

}  // namespace brig::cli
