#pragma once
/// build_dockerfile(): a Dockerfile to a published template.
///
/// brig-worker reads the Dockerfile in a sandbox and answers with a plan. Each step runs in a sandbox whose root is the
/// image so far and can be written (runtime::WritableRoot); what it changes is a folder that is kept under a key of
/// everything that went into it, so that a build that was broken off, or is tried again with another last line, begins
/// where something is new. In the end brig-worker walks the finished root from inside and writes it out as a tree, by
/// the same rules as an imported image.
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "image/make/import.h"

namespace brig::image {

struct DockerfileRequest {
  HostPath file;
  HostPath context;  ///< a folder; or a tar of one that nobody writes to, read in sandboxes only
  std::string name;
  std::map<std::string, std::string> arguments;  ///< --build-arg
  std::string target;                            ///< a stage; empty: the last
  bool uses_cache = true;
  std::optional<std::string> text = {};   ///< the Dockerfile, instead of `file`, which then is its name only
  std::string owner = {};                 ///< Manifest::owner
  std::vector<LimitDefault> limits = {};  ///< Defaults::limits: a Dockerfile has no words for them
  /// Which templates it may be built on or copy from; none: all. The others are not there for it.
  std::function<bool(const Manifest&)> may_use = {};
};

Result<Imported> build_dockerfile(const Workshop& workshop, Store& store, const DockerfileRequest& request);

}  // namespace brig::image
