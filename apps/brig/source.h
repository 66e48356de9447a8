#pragma once
/// What `brig run` shall run, from -c, FILE, "-" or the words after "--".
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "service/run.h"

namespace brig::cli {

struct SourceOptions {
  std::optional<std::string> code = {};      ///< -c
  std::optional<std::string> file = {};      ///< FILE or "-"
  std::optional<std::string> language = {};  ///< --lang
  std::optional<std::vector<std::string>> rest = {};
};

struct Source {
  std::variant<service::Script, service::Command> program;
  bool is_from_stdin = false;  ///< the standard input was the program's text
};

/// Reads the program's text. A FILE that one of `mounts` shows is run where it shows. Every error is a usage error.
Result<Source> read_source(const SourceOptions& options, std::span<const policy::Mount> mounts);

/// All of a regular file or a pipe, at most `limit` bytes; `name` is for errors.
Result<std::string> read_all(FdRef fd, const std::string& name, std::size_t limit);

/// A readable file that is no folder and no device.
Result<Fd> open_plain(const std::string& path, const char* what);

}  // namespace brig::cli
