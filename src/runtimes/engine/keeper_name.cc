#include "runtimes/engine/keeper_name.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "sys/file.h"

namespace brig::runtimes::engine {
namespace {

/// The next word before `separator`, taken off `text`.
std::string_view next_word(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return number;
}

std::optional<std::uint64_t> begun_of(pid_t pid) {
  const auto stat = sys::read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return {};
  return begun_in(*stat);
}

}  // namespace

std::string format(const KeeperName& name) {
  return name.boot + "/" + std::to_string(name.pid_namespace) + "/" + std::to_string(name.pid) + "/" +
         std::to_string(name.begun);
}

std::optional<KeeperName> parse_keeper(std::string_view text) {
  KeeperName name;
  name.boot = next_word(text, '/');
  const auto pid_namespace = number_of<std::uint64_t>(next_word(text, '/'));
  const auto pid = number_of<pid_t>(next_word(text, '/'));
  const auto begun = number_of<std::uint64_t>(text);
  if (name.boot.empty() || name.boot.size() > 64 || !pid_namespace || !pid || *pid <= 0 || !begun) return {};
  name.pid_namespace = *pid_namespace;
  name.pid = *pid;
  name.begun = *begun;
  return name;
}

std::optional<std::uint64_t> begun_in(std::string_view stat) {
  const std::size_t end_of_name = stat.rfind(") ");  // the name may hold anything
  if (end_of_name == std::string_view::npos) return {};
  stat.remove_prefix(end_of_name + 2);
  constexpr int kBefore = 19;  // fields 3 to 21
  for (int i = 0; i < kBefore; ++i) next_word(stat, ' ');
  return number_of<std::uint64_t>(next_word(stat, ' '));
}

Result<KeeperName> own_keeper_name() {
  KeeperName name;
  name.boot = TRY(sys::read_file("/proc/sys/kernel/random/boot_id", 64));
  name.boot.resize(std::min(name.boot.find('\n'), name.boot.size()));
  struct stat info = {};
  if (::stat("/proc/self/ns/pid", &info) < 0) return Error::last_system("look at our pid namespace");
  name.pid_namespace = info.st_ino;
  name.pid = ::getpid();
  const auto begun = begun_of(name.pid);
  if (!begun) return Error(Code::kInternal, "/proc/self/stat does not say when this process began");
  name.begun = *begun;
  return name;
}

bool is_dead(const KeeperName& name, const KeeperName& own) {
  if (name.boot != own.boot) return true;
  if (name.pid_namespace != own.pid_namespace) return false;
  return begun_of(name.pid) != name.begun;
}

}  // namespace brig::runtimes::engine
