#pragma once
/// Definition: a template of Debian packages, as a person writes it down (TOML).
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/manifest.h"

namespace brig::image {

struct Definition {
  std::string description;
  std::vector<std::string> packages;  ///< Debian's names
  std::vector<std::string> exclude;   ///< patterns of paths that are not unpacked, as dpkg's path-exclude
  std::vector<std::string> remove;    ///< the like, of what goes when all is installed
  std::vector<std::string> purge;     ///< names, with "*": removed at the end, whatever depends on them
  Defaults defaults;                  ///< environment, limits, modules to preload
  bool operator==(const Definition&) const = default;
};

/// kInvalidArgument "FILE:LINE:COLUMN: what and what to do". What is accepted can be handed to apt, dpkg and a shell as
/// it is: names and patterns have no characters that mean something to them.
Result<Definition> parse_definition(std::string_view text, std::string_view file_name);

}  // namespace brig::image
