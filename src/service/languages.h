#pragma once
/// Languages: which interpreter runs a program text, and how it is started inside a sandbox.
///
/// Pure: names, file names and text in, an argv and the files it needs out.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/result.h"

namespace brig::service {

struct Language {
  std::string_view name;         ///< "python"
  std::string_view interpreter;  ///< looked for in PATH inside: "python3"
  std::string_view extension;    ///< of a program text without a file name: ".py"
  std::string_view package;      ///< what to install where it is missing
  bool has_driver = false;       ///< runs under Brig's Python driver
  std::span<const std::string_view> aliases;
  std::span<const std::string_view> extensions;
  bool is_for_cells_only = false;  ///< a context runs it, and no program starts with a file of it
};

/// Every language, the default one first.
std::span<const Language> languages();

/// By name or alias, whatever the case. kInvalidArgument with a «did you mean» and the list.
Result<const Language*> find_language(std::string_view name);

/// By the file name's extension; null if that says nothing.
const Language* language_of_file(std::string_view file_name);

/// Where the text of a program came from.
enum class Origin : std::uint8_t { kFile, kCode };

/// A program text and how it shall be run.
struct Script {
  const Language* language = nullptr;
  Origin origin = Origin::kCode;
  std::string name;  ///< the file's base name; with kCode empty
  std::string text;
  std::vector<std::string> arguments;
  bool is_shown = false;                  ///< to a person: what it displays is printed as text, too
  std::optional<GuestPath> mounted = {};  ///< where a mount shows the file already, beside its neighbours
};

struct GuestFile {
  GuestPath path;
  std::string_view text;  ///< of the Script, or constant
};

struct Launch {
  std::vector<std::string> argv;
  std::vector<GuestFile> files;  ///< to be written first, parents made; none of them is output
};

/// The largest program text, 16 MB.
inline constexpr std::size_t kSourceMax = std::size_t{16} << 20;

/// kInvalidArgument, with what to do, for a text that is too large, not UTF-8, or a name that no file inside can have;
/// kUnsupported for a language that runs in cells only.
/// The Launch's views point into `script`, which outlives it.
Result<Launch> launch_of(const Script& script);

/// What a person does when `language`'s interpreter is not in the template.
std::string missing_interpreter(const Language& language);

}  // namespace brig::service
