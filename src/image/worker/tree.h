#pragma once
/// Tree: the files of an image, put together from its layers in one folder on the disk.
///
/// What a layer says is judged here, and everything is done below one descriptor with no link followed: a member whose
/// path leads through a symbolic link is an error, and so is a hard link to anything but a file of the image. A tree
/// belongs to nobody in particular: modes are 0644, or 0755 for folders and programs; devices, pipes, set-id bits and
/// extended attributes are left out and counted; times are kept in whole seconds, because compiled Python remembers
/// them.
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/fd.h"
#include "base/result.h"
#include "image/worker/tar.h"

namespace brig::image {

struct TreeBounds {
  std::uint64_t members = 1'000'000;              ///< of all layers together
  std::uint64_t bytes = std::uint64_t{16} << 30;  ///< written, of all layers together
};

/// What was left out, and what there is.
struct TreeCounts {
  std::uint64_t members = 0;
  std::uint64_t written = 0;  ///< bytes
  std::uint64_t devices = 0;
  std::uint64_t pipes = 0;
  std::uint64_t set_ids = 0;     ///< files that had such a bit
  std::uint64_t attributes = 0;  ///< files that had some
  std::uint64_t covered = 0;     ///< members in folders that every sandbox has its own of
  // Of the finished tree:
  std::uint64_t files = 0;  ///< files, folders and links
  std::uint64_t bytes = 0;
};

/// The next bytes of a file's contents; 0 at their end.
using Contents = std::function<Result<std::size_t>(std::span<char>)>;

/// What the members of a layer may mean beside themselves.
enum class Whiteouts : std::uint8_t {
  kPlain,  ///< ".wh.x" is a file of that name
  kHide,   ///< ".wh.x" hides x of the layers below, ".wh..wh..opq" all of its folder
};

/// What a tree's folder is.
enum class Place : std::uint8_t {
  kRoot,      ///< of an image: what every sandbox has its own of is left out
  kAnywhere,  ///< in one
};

class Tree {
 public:
  /// `folder` outlives it.
  Tree(FdRef folder, TreeBounds bounds, Place place = Place::kRoot) : root_(folder), bounds_(bounds), place_(place) {}

  void begin_layer(Whiteouts whiteouts);
  /// kInvalidArgument for a member that has no place in an image; kExhausted beyond the bounds.
  Result<> add(const Member& member, const Contents& contents);

  /// What an image needs to be the root of a sandbox: a user 1000, files of /etc, places to mount at.
  Result<> fit();
  /// Makes a folder where none is. An error if something else is there.
  Result<> make_folder(std::string_view path);
  /// Sets the folders' times and counts what there is. Last.
  Result<> finish();
  [[nodiscard]] const TreeCounts& counts() const { return counts_; }
  /// Whether a program can be started by that path, links of the image followed inside it.
  [[nodiscard]] bool has_program(std::string_view path) const;

 private:
  [[nodiscard]] bool is_covered(std::string_view path) const;
  Result<> add_at(const std::string& path, const Member& member, const Contents& contents);
  Result<> add_folder(const std::string& path, const Member& member);
  Result<> add_file(FdRef parent, const std::string& path, const Member& member, const Contents& contents);
  Result<> add_hard_link(FdRef parent, const std::string& path, const Member& member);
  Result<> hide(const std::string& path);
  Result<Fd> open_folder(std::string_view path);
  Result<> clear(FdRef parent, const std::string& path, bool is_folder_kept);
  Result<> write(FdRef file, const Contents& contents, const std::string& path);
  Result<> put_text(const std::string& path, std::string_view text);
  Result<> put_link(const std::string& path, std::string_view target);
  Result<> add_user(const std::string& file, const std::string& line, const std::string& root_line);
  Result<> finish_folder(FdRef folder, const std::string& path);
  void made(const std::string& path);

  FdRef root_;
  TreeBounds bounds_;
  Place place_;
  TreeCounts counts_;
  std::size_t layer_ = 0;
  Whiteouts whiteouts_ = Whiteouts::kPlain;
  std::unordered_set<std::string> made_;  ///< by this layer, folders above included; not of the first
  std::map<std::string, std::int64_t, std::less<>> folder_times_;
};

}  // namespace brig::image
