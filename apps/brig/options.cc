#include "options.h"

#include <unistd.h>

#include <algorithm>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "runtime/exit.h"
#include "sys/file.h"

namespace brig::cli {

namespace {

/// CLI11's help with a usage line of our own.
class Help final : public CLI::Formatter {
 public:
  explicit Help(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override { return usage_; }

 private:
  std::string usage_;
};

}  // namespace

struct Options::Impl {
  CLI::App app;
  std::string usage;
  std::optional<std::vector<std::string>>* rest = nullptr;

  Impl(std::string usage_line, const std::string& description) : app(description), usage(std::move(usage_line)) {}

  /// "run"; "sandbox exec"; of "keys create|ls|revoke" the first word, which has the help.
  [[nodiscard]] std::string command() const {
    const std::string words = usage.substr(0, usage.find(" ["));
    return words.contains('|') ? words.substr(0, words.find(' ')) : words;
  }

  int unexpected(const std::string& word) const {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string flag = word.substr(0, word.find('='));
    const std::string what = word.starts_with("-") ? "unknown flag " : "unexpected argument ";
    const std::string hint = rest != nullptr ? "; arguments of the program go after --" : "";
    return usage_error(what + "\"" + printable(word) + "\"" + did_you_mean(flag, views) + hint + " (brig " + command() +
                       " --help lists them)");
  }
};

Options::Options(std::string usage, const std::string& description)
    : impl_(std::make_unique<Impl>(std::move(usage), description)) {
  impl_->app.allow_extras();  // so that unknown flags get our own sentence
  impl_->app.formatter(std::make_shared<Help>("Usage: brig " + impl_->usage + "\n"));
}

Options::~Options() = default;

void Options::flag(const std::string& names, bool& value, const std::string& help) {
  impl_->app.add_flag(names, value, help);
}

void Options::option(const std::string& names, std::optional<std::string>& value, const std::string& shown,
                     const std::string& help) {
  impl_->app.add_option(names, value, help)->type_name(shown);
}

void Options::option(const std::string& names, std::vector<std::string>& values, const std::string& shown,
                     const std::string& help) {
  impl_->app.add_option(names, values, help)->type_name(shown)->allow_extra_args(false);
}

void Options::positional(const std::string& name, std::optional<std::string>& value, const std::string& help) {
  impl_->app.add_option(name, value, help)->type_name("");
}

void Options::positional(const std::string& name, std::vector<std::string>& values, const std::string& help) {
  impl_->app.add_option(name, values, help)->type_name("");
}

void Options::rest(std::optional<std::vector<std::string>>& words) { impl_->rest = &words; }

std::optional<int> Options::parse(std::span<const std::string> arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  std::vector<std::string> mine(arguments.begin(), dashes);
  if (dashes != arguments.end()) {
    if (impl_->rest == nullptr) return usage_error("nothing can follow -- here (brig " + impl_->command() + " --help)");
    impl_->rest->emplace(dashes + 1, arguments.end());
  }
  std::ranges::reverse(mine);  // what CLI11 expects of a vector
  try {
    impl_->app.parse(std::move(mine));
  } catch (const CLI::CallForHelp&) {
    return sys::write_all(FdRef(STDOUT_FILENO), impl_->app.help()).has_value() ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return usage_error(printable(error.what()) + " (brig " + impl_->command() + " --help)");
  }
  if (const auto extra = impl_->app.remaining(); !extra.empty()) return impl_->unexpected(extra.front());
  return {};
}

void complain(const std::string& sentence) {
  const std::string line = "brig: " + sentence + "\n";
  if (!sys::write_all(FdRef(STDERR_FILENO), line).has_value()) return;  // nobody is there to be told
}

int usage_error(const std::string& sentence) {
  complain(sentence);
  return runtime::kUsageExitCode;
}

}  // namespace brig::cli
