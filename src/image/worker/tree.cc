#include "image/worker/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/text.h"
#include "image/worker/beneath.h"
#include "image/worker/folder.h"
#include "image/worker/member_path.h"
#include "sys/file.h"

namespace brig::image {
namespace {

/// Folders that every sandbox has its own of: what an image has in them is never seen.
constexpr std::array<std::string_view, 5> kCovered{"dev", "proc", "run", "sys", "tmp"};
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kWhiteoutMark = ".wh..wh.";
constexpr std::int64_t kTimeMost = 253'402'300'799;  ///< the end of the year 9999
constexpr std::size_t kPiece = std::size_t{1} << 20;

std::string shown(std::string_view path) { return "\"" + printable(path, 300) + "\""; }

Error refused(std::string_view path, std::string_view why) {
  return {Code::kInvalidArgument, shown(path) + " " + std::string(why)};
}

timespec time_of(std::int64_t seconds) {
  return {.tv_sec = std::clamp<std::int64_t>(seconds, 0, kTimeMost), .tv_nsec = 0};
}

bool keeps_made(const void* made, const std::string& path) {
  return static_cast<const std::unordered_set<std::string>*>(made)->contains(path);
}

}  // namespace

bool Tree::is_covered(std::string_view path) const {
  return place_ == Place::kRoot && std::ranges::find(kCovered, path.substr(0, path.find('/'))) != kCovered.end();
}

void Tree::begin_layer(Whiteouts whiteouts) {
  ++layer_;
  whiteouts_ = whiteouts;
  made_.clear();
}

/// Remembers that this layer has the path, so that its own whiteouts leave it alone.
void Tree::made(const std::string& path) {
  if (layer_ < 2 || whiteouts_ == Whiteouts::kPlain) return;
  for (std::string_view part = path; !part.empty() && made_.insert(std::string(part)).second;) part = parent_of(part);
}

Result<> Tree::add(const Member& member, const Contents& contents) {
  if (++counts_.members > bounds_.members)
    return Error(Code::kExhausted, "the image has more than " + std::to_string(bounds_.members) + " members");
  const std::string path = TRY(clean_member_path(member.path));
  if (path.empty()) {
    if (member.type != MemberType::kFolder) return refused(member.path, "would replace the root folder");
    folder_times_[""] = member.mtime;
    return {};
  }
  if (is_covered(path)) {
    if (path.contains('/')) ++counts_.covered;
    return {};
  }
  const std::string_view name = name_of(path);
  if (whiteouts_ == Whiteouts::kHide && name.starts_with(kWhiteout)) return hide(path);
  if (member.has_attributes) ++counts_.attributes;
  if ((member.mode & 06000U) != 0) ++counts_.set_ids;
  if (member.type == MemberType::kDevice) {
    ++counts_.devices;
    return {};
  }
  if (member.type == MemberType::kFifo) {
    ++counts_.pipes;
    return {};
  }
  return add_at(path, member, contents);
}

Result<> Tree::add_at(const std::string& path, const Member& member, const Contents& contents) {
  if (member.type == MemberType::kFolder) return add_folder(path, member);
  const Fd parent = TRY(open_folder(parent_of(path)));
  if (member.type == MemberType::kHardLink) {
    TRY(add_hard_link(parent.ref(), path, member));
  } else {
    TRY(clear(parent.ref(), path, false));
    if (member.type == MemberType::kFile) {
      TRY(add_file(parent.ref(), path, member, contents));
    } else {
      if (member.target.empty() || member.target.size() > kPathMost) return refused(path, "is a link to nothing");
      const std::string name(name_of(path));
      if (::symlinkat(member.target.c_str(), parent.get(), name.c_str()) != 0)
        return Error::last_system("make the link " + shown(path));
      const std::array<timespec, 2> times{time_of(member.mtime), time_of(member.mtime)};
      if (::utimensat(parent.get(), name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
        return Error::last_system("set the time of " + shown(path));
    }
  }
  made(path);
  return {};
}

/// The folder of that path, made with its parents where it is missing.
Result<Fd> Tree::open_folder(std::string_view path) {
  auto open = open_beneath(root_, path, O_RDONLY | O_DIRECTORY);
  if (open || open.error().os_error() != ENOENT) {
    if (!open && open.error().os_error() == ENOTDIR)
      return refused(path, "is no folder (links are not followed), and members lie in it");
    return open;
  }
  const Fd parent = TRY(open_folder(parent_of(path)));
  const std::string name(name_of(path));
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0) return Error::last_system("make the folder " + shown(path));
  return open_beneath(root_, path, O_RDONLY | O_DIRECTORY);
}

/// Makes the place free. A folder may stay if a folder comes.
Result<> Tree::clear(FdRef parent, const std::string& path, bool is_folder_kept) {
  const std::string name(name_of(path));
  struct stat status{};
  if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return Error::last_system("look at " + shown(path));
  }
  if (!S_ISDIR(status.st_mode)) {
    if (::unlinkat(parent.get(), name.c_str(), 0) != 0) return Error::last_system("replace " + shown(path));
    return {};
  }
  if (is_folder_kept) return {};
  const Fd folder = TRY(open_beneath(parent, name, O_RDONLY | O_DIRECTORY));
  TRY(empty_folder(folder.ref(), path));
  if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0) return Error::last_system("replace " + shown(path));
  return {};
}

Result<> Tree::add_folder(const std::string& path, const Member& member) {
  const Fd parent = TRY(open_folder(parent_of(path)));
  TRY(clear(parent.ref(), path, true));
  if (::mkdirat(parent.get(), std::string(name_of(path)).c_str(), 0755) != 0 && errno != EEXIST)
    return Error::last_system("make the folder " + shown(path));
  folder_times_[path] = member.mtime;
  made(path);
  return {};
}

Result<> Tree::write(FdRef file, const Contents& contents, const std::string& path) {
  std::vector<char> piece(kPiece);
  while (true) {
    const std::size_t count = TRY(contents(piece));
    if (count == 0) return {};
    counts_.written += count;
    if (counts_.written > bounds_.bytes)
      return Error(Code::kExhausted,
                   "the image has more than " + std::to_string(bounds_.bytes >> 20U) + " MB of files");
    TRY(sys::write_all(file, {piece.data(), count}).context(shown(path)));
  }
}

Result<> Tree::add_file(FdRef parent, const std::string& path, const Member& member, const Contents& contents) {
  const std::string name(name_of(path));
  const Fd file = TRY(open_beneath(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(write(file.ref(), contents, path));
  const bool is_program = (member.mode & 0111U) != 0;
  if (::fchmod(file.get(), is_program ? 0755 : 0644) != 0) return Error::last_system("set the mode of " + shown(path));
  const std::array<timespec, 2> times{time_of(member.mtime), time_of(member.mtime)};
  if (::futimens(file.get(), times.data()) != 0) return Error::last_system("set the time of " + shown(path));
  return {};
}

Result<> Tree::add_hard_link(FdRef parent, const std::string& path, const Member& member) {
  auto target = clean_member_path(member.target);
  if (!target || target->empty())
    return refused(path, "is a hard link to " + shown(member.target) + ", which is no file of the image");
  if (*target == path) return refused(path, "is a hard link to itself");
  const auto folder = open_beneath(root_, parent_of(*target), O_RDONLY | O_DIRECTORY);
  const std::string name(name_of(*target));
  struct stat status{};
  if (!folder || is_covered(*target) || ::fstatat(folder->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !(S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)))
    return refused(path, "is a hard link to " + shown(*target) + ", which is no file of the image");
  TRY(clear(parent, path, false));
  if (::linkat(folder->get(), name.c_str(), parent.get(), std::string(name_of(path)).c_str(), 0) != 0) {
    if (errno == ENOENT) return refused(path, "is a hard link to a file in itself");
    return Error::last_system("make the link " + shown(path));
  }
  return {};
}

/// A whiteout hides what the layers below have, never what its own layer brings.
Result<> Tree::hide(const std::string& path) {
  const std::string name(name_of(path));
  const std::string folder(parent_of(path));
  if (name.starts_with(kWhiteoutMark) && name != kOpaque) return {};  // an old builder's own marks
  const bool is_opaque = name == kOpaque;
  const std::string hidden = name.substr(kWhiteout.size());
  if (!is_opaque && (hidden.empty() || hidden == "." || hidden == ".."))
    return refused(path, "hides nothing that could be there");
  if (layer_ < 2) return {};  // there is nothing below
  const auto parent = open_beneath(root_, folder, O_RDONLY | O_DIRECTORY);
  if (!parent) {
    const int why = parent.error().os_error();
    if (why == ENOENT || why == ENOTDIR) return {};
    return parent.error();
  }
  if (is_opaque) {
    TRY(empty_folder(parent->ref(), folder, keeps_made, &made_));
    made(folder);  // it is there, if only to be empty
    return {};
  }
  const std::string target = folder.empty() ? hidden : folder + "/" + hidden;
  if (!made_.contains(target)) return clear(parent->ref(), target, false);
  const auto inner = open_beneath(parent->ref(), hidden, O_RDONLY | O_DIRECTORY);
  if (inner) TRY(empty_folder(inner->ref(), target, keeps_made, &made_));
  return {};
}

Result<> Tree::make_folder(std::string_view path) {
  TRY(open_folder(TRY(clean_member_path(path))));
  return {};
}

bool Tree::has_program(std::string_view path) const {
  const auto file = open_beneath(root_, path.substr(path.starts_with('/') ? 1 : 0), O_PATH, 0, Links::kInFolder);
  struct stat status{};
  return file && ::fstat(file->get(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111U) != 0;
}

Result<> Tree::finish() { return finish_folder(root_, ""); }

Result<> Tree::finish_folder(FdRef folder, const std::string& path) {
  for (const FolderEntry& entry : TRY(entries_of(folder))) {
    ++counts_.files;
    const std::string inner = path.empty() ? entry.name : path + "/" + entry.name;
    if (entry.is_folder) {
      const Fd child = TRY(open_beneath(folder, entry.name, O_RDONLY | O_DIRECTORY));
      TRY(finish_folder(child.ref(), inner));
      continue;
    }
    struct stat status{};
    if (::fstatat(folder.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return Error::last_system("look at " + shown(inner));
    if (S_ISREG(status.st_mode)) counts_.bytes += static_cast<std::uint64_t>(status.st_size);
  }
  const auto known = folder_times_.find(path);
  const std::int64_t time = known == folder_times_.end() ? 0 : known->second;
  const std::array<timespec, 2> times{time_of(time), time_of(time)};
  if (::futimens(folder.get(), times.data()) != 0) return Error::last_system("set the time of " + shown(path));
  return {};
}

}  // namespace brig::image
