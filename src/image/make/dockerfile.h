#pragma once
/// build_dockerfile(): a Dockerfile to a published template.
///
/// brig-worker reads the Dockerfile in a sandbox and answers with a plan. Each step runs in a sandbox whose root is the
/// image so far and can be written (runtime::WritableRoot); what it changes is a folder that is kept under a key of
/// everything that went into it, so that a build that was broken off, or is tried again with another last line, begins
/// where something is new. In the end brig-worker walks the finished root from inside and writes it out as a tree, by
/// the same rules as an imported image.
#include <map>
#include <string>

#include "image/make/import.h"

namespace brig::image {

struct DockerfileRequest {
  HostPath file;
  HostPath context;  ///< a folder
  std::string name;
  std::map<std::string, std::string> arguments;  ///< --build-arg
  std::string target;                            ///< a stage; empty: the last
  bool uses_cache = true;
};

Result<Imported> build_dockerfile(const Workshop& workshop, Store& store, const DockerfileRequest& request);

}  // namespace brig::image
