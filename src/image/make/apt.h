#pragma once
/// fetch_packages(): Debian packages that a template needs, downloaded and not touched further.
///
/// The host's apt does it, with the host's sources, keys, pins and proxies, and what it always does: it gives up root's
/// privileges for whatever it has from the network, and takes nothing that is not signed. Its own state is the build's:
/// in a mount namespace of its own the build's folders lie where apt keeps its lists and its packages, so that the
/// host's are neither read nor written and its hooks do not run. Nothing is unpacked.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/make/step.h"

namespace brig::image {

/// What is to be done with a package, in the order that apt found.
struct AptStep {
  enum class Kind : std::uint8_t { kUnpack, kConfigure };
  Kind kind = Kind::kUnpack;
  std::string package;
  std::string version;       ///< of what is unpacked
  std::string architecture;  ///< likewise: "amd64" or "all"
  bool operator==(const AptStep&) const = default;
};

struct FetchedPackages {
  std::string folder;                  ///< with a file of each: package_file()
  std::vector<std::string> essential;  ///< names of packages: what everything else counts upon
  std::vector<AptStep> steps;          ///< of these and all others
};

/// The name of the file that apt keeps a package in.
std::string package_file(const AptStep& step);

/// What `apt-get --simulate install` said. kUnavailable for more than it could have meant. Lines for people are passed
/// over.
Result<std::vector<AptStep>> parse_simulation(std::string_view text);

/// The host's files that decide what is installed: sources and pins. kUnsupported if it has no sources.
Result<std::vector<std::string>> apt_files();

/// Makes a folder "apt" in the build folder. Needs root.
Result<FetchedPackages> fetch_packages(const std::string& build, const std::vector<std::string>& packages,
                                       const OnLine& on_line);

}  // namespace brig::image
