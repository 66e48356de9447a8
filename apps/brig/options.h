#pragma once
/// Options: the flags of one subcommand. The one wrapper of CLI11, which costs seconds of compile time per file that
/// includes it.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace brig::cli {

class Options {
 public:
  /// `usage` is what follows "brig " in the help's first line; its first word is the subcommand.
  Options(std::string usage, const std::string& description);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options();

  /// `names` as "-c,--code"; the value outlives parse().
  void flag(const std::string& names, bool& value, const std::string& help);
  /// A value, at most once. `shown` stands for it in the help: "SIZE".
  void option(const std::string& names, std::optional<std::string>& value, const std::string& shown,
              const std::string& help);
  /// A value, as often as wanted.
  void option(const std::string& names, std::vector<std::string>& values, const std::string& shown,
              const std::string& help);
  void positional(const std::string& name, std::optional<std::string>& value, const std::string& help);
  /// As many as there are.
  void positional(const std::string& name, std::vector<std::string>& values, const std::string& help);
  /// Everything after "--"; without this such words are a usage error.
  void rest(std::optional<std::vector<std::string>>& words);

  /// Fills the values. An exit code if the program is over: 0 after --help, 2 after a usage error, which is explained
  /// on stderr.
  std::optional<int> parse(std::span<const std::string> arguments);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Says "brig: <sentence>" on stderr.
void complain(const std::string& sentence);

/// complain(), and the exit code of a usage error.
int usage_error(const std::string& sentence);

}  // namespace brig::cli
