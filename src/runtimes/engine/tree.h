#pragma once
/// Tree: what a sandbox's root holds, sorted by how an engine comes by it. Pure.
///
/// Read off the process wall's own steps (compile_tree), so that there is one truth about what is in a root: folders,
/// links and small files become an image of a few kilobytes that is given to the engine once; what is the host's is
/// shown by read-only mounts; what can be written is one file system that is shown at several places.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtimes/process/plan.h"

namespace brig::runtimes::engine {

struct Tree {
  struct Entry {
    enum class Kind : std::uint8_t { kFolder, kLink, kFile };
    Kind kind = Kind::kFolder;
    std::string path;  ///< without a leading slash
    std::string text;  ///< of a file; of a link, where it leads
    std::uint32_t mode = 0755;
    bool operator==(const Entry&) const = default;
  };
  struct Scratch {
    std::string from;  ///< a folder of the one file system
    std::string path;  ///< where it is shown, without a leading slash
    std::uint32_t mode = 0755;
    bool operator==(const Scratch&) const = default;
  };
  std::vector<Entry> entries;
  std::vector<std::string> shown;  ///< of the host, read-only, at the same place inside
  std::vector<Scratch> scratch;
  std::uint64_t bytes = 0;  ///< of the scratch, all of it
  std::uint32_t inodes = 0;
  std::string quiet_stat;  ///< what /proc/stat says instead of the host's
};

/// kInternal for a step that no engine can do.
Result<Tree> read_tree(const process::JailPlan& plan);

/// The entries as a tar archive (POSIX ustar): the same entries give the same bytes.
std::string archive_of(const std::vector<Tree::Entry>& entries);

/// What the archive is called in the engine: "localhost/brig-host-<digest>:latest", since Podman takes no tag with an
/// import and looks for other names in a registry. It tells layouts apart and proves nothing.
std::string image_name(std::string_view archive);

}  // namespace brig::runtimes::engine
