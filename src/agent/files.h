#pragma once
/// File operations in the sandbox's own root, as its own user.
///
/// The last component of a path is never followed when it is a symbolic link, and what is not a regular file is never
/// opened for data (a FIFO would block the agent). Links in the middle of a path lead only to where the programs inside
/// could go as well. Functions return 0 or an errno.
#include <dirent.h>
#include <sys/types.h>

#include <array>
#include <cstdint>

#include "agent/output.h"
#include "guest/file_messages.h"

namespace brig::agent {

/// A path of the wire as C text.
class PathText {
 public:
  explicit PathText(std::string_view path);
  [[nodiscard]] const char* c_str() const { return text_.data(); }
  [[nodiscard]] char* data() { return text_.data(); }

 private:
  std::array<char, guest::kPathMax + 1> text_;
};

/// Creates the folders above the last component. `path` is as it was afterwards.
int make_parents(PathText& path);
/// Opens a regular file and nothing else, following no link. -1 in `fd` with an errno.
int open_regular(const char* path, int flags, mode_t mode, int& fd);
int open_for_reading(const guest::ReadFile& request, int& fd);
int make_dir(const guest::MakeDir& request);
int move(const guest::Move& request);
int remove(const guest::Remove& request);
int change_mode(const guest::Chmod& request);

/// From now on all files are said to be on one device. Where nothing is mounted inside there is nothing to tell apart,
/// and a root of several layers gives the files of each a device of its own, other than their folder's.
void be_on_one_device();
/// Fills everything but `path` and `target` from the file `name` in `folder`; `target` becomes a view into `link`.
int describe(int folder, const char* name, std::array<char, guest::kPathMax + 1>& link, guest::Entry& entry);

/// A walk over a tree that stops and goes on with the credit and the room there is. Follows no symbolic link.
class ListJob {
 public:
  ListJob() = default;
  ListJob(const ListJob&) = delete;
  ListJob& operator=(const ListJob&) = delete;
  ~ListJob();

  int open(const guest::List& request);
  /// Sends entries while `window` and the room last, a bounded number. True when the walk is over.
  bool step(std::uint32_t channel, std::uint32_t& window, Output& output);
  [[nodiscard]] bool is_truncated() const { return is_truncated_; }
  /// What one entry may need, so that step() can go on.
  static constexpr std::size_t kEntryRoom = 2 * guest::kPathMax + 64;

 private:
  struct Level {
    DIR* folder = nullptr;
    std::size_t prefix = 0;  ///< length of the path of this folder, relative to the listed one
  };
  bool emit(const char* name, std::uint32_t channel, std::uint32_t& window, Output& output);
  void descend(const char* name, std::size_t length);
  void climb();

  std::array<Level, std::size_t{guest::kDepthMax} + 1> levels_;
  std::size_t open_levels_ = 0;
  std::uint16_t depth_ = 0;
  std::uint32_t entries_left_ = 0;
  std::size_t bytes_left_ = guest::kListBytesMax;
  bool is_truncated_ = false;
  std::array<char, guest::kPathMax + 1> path_;
};

}  // namespace brig::agent
