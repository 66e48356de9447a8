#pragma once
/// OutFolder: the host folder of --out, into which names and bytes that a guest chose are written.
///
/// Nothing a guest can name leaves the folder: every component is checked (check_name), parents are opened relative to
/// the folder's descriptor with RESOLVE_BENEATH and without symbolic links, and a file is written under a name of ours
/// with O_EXCL and then renamed, so a symbolic link that lies in the way is replaced and never followed. Modes are 0644
/// or 0755. Blocks.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/paths.h"
#include "base/result.h"

namespace brig::service {

/// Folders inside each other that are written.
inline constexpr std::size_t kOutDepthMax = 32;

/// The components of a relative path that a guest gave, or kInvalidArgument with the reason: empty, absolute, ".",
/// "..", control characters, not UTF-8, a component over 255 bytes, deeper than kOutDepthMax.
Result<std::vector<std::string_view>> check_guest_name(std::string_view path);

class OutFolder {
 public:
  /// Opens `path`, making it and its parents if missing. kInvalidArgument with what to do for a place where nothing can
  /// be written: a file, a folder of somebody else, a disk that is full or read-only.
  static Result<OutFolder> open(const HostPath& path);

  /// A file that is being written. Destroying it without finish() removes what was written.
  class Writer {
   public:
    Writer(Writer&&) noexcept = default;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    Writer& operator=(Writer&&) = delete;
    ~Writer();
    Result<> write(std::span<const std::byte> bytes);
    /// Gives the file its name, in place of a file or symbolic link that had it.
    Result<> finish(bool is_executable);

   private:
    friend class OutFolder;
    Writer(Fd parent, Fd file, std::string temporary, std::string name)
        : parent_(std::move(parent)), file_(std::move(file)), temporary_(std::move(temporary)), name_(std::move(name)) {
    }
    Fd parent_;
    Fd file_;
    std::string temporary_;
    std::string name_;
  };

  /// Starts the file at `path`, which check_guest_name() accepts; makes its parents.
  Result<Writer> create(std::string_view path);

  [[nodiscard]] const HostPath& path() const { return path_; }

 private:
  OutFolder(HostPath path, Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  HostPath path_;
  Fd folder_;
};

}  // namespace brig::service
