#include "agent/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "agent/upload.h"

namespace brig::agent {
namespace {

using guest::ChangeKind;

constexpr std::uint32_t kMask = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

char* copy_of(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

/// `folder`/`name` in `out`, where an empty part leaves the slash out. False if it does not fit.
bool join(std::array<char, 4096 + 1>& out, std::string_view folder, std::string_view name) {
  const std::size_t slash = folder.empty() || name.empty() ? 0 : 1;
  const std::size_t length = folder.size() + slash + name.size();
  if (length > guest::kPathMax) return false;
  // `folder` may be what `out` holds already.
  std::memmove(out.data(), folder.data(), folder.size());
  if (slash != 0) out[folder.size()] = '/';
  std::memcpy(out.data() + folder.size() + slash, name.data(), name.size());
  out[length] = '\0';
  return true;
}

bool is_below(std::string_view path, std::string_view folder) {
  if (folder.empty()) return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string_view name_of(std::string_view path) {
  if (const std::size_t slash = path.rfind('/'); slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return path;
}

/// A name that an upload has for a moment: nobody is told of it.
bool is_aside(std::string_view path) { return name_of(path).starts_with(kAsidePrefix); }

/// What the kernel calls a file that has no name (O_TMPFILE).
bool may_be_nameless(std::string_view path) {
  const std::string_view name = name_of(path);
  return name.starts_with('#') && name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

WatchJob::~WatchJob() {
  if (fd_ >= 0) ::close(fd_);
  for (std::size_t i = 0; i < folder_count_; ++i) std::free(folders_[i].path);
  while (take_pending()) {
  }
  std::free(moved_);
  std::free(root_);
}

int WatchJob::open(const guest::Watch& request) {
  is_recursive_ = (request.flags & guest::Watch::kRecursive) != 0;
  std::string_view root = request.path;
  while (root.size() > 1 && root.ends_with('/')) root.remove_suffix(1);
  root_ = copy_of(root);
  if (root_ == nullptr) return ENOMEM;
  fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0) return errno;
  folders_[0] = {.watch = ::inotify_add_watch(fd_, root_, kMask), .path = copy_of("")};
  if (folders_[0].watch < 0) {
    const int error = errno;
    std::free(folders_[0].path);
    return error;
  }
  if (folders_[0].path == nullptr) return ENOMEM;
  folder_count_ = 1;
  int budget = kEntriesMax;
  if (is_recursive_) add_tree("", false, budget);
  return 0;
}

/// False if the folder cannot be watched, which is said, or is none.
bool WatchJob::add(std::string_view path) {
  std::array<char, 4096 + 1> full;
  if (folder_count_ == folders_.size() || !join(full, root_, path)) {
    if (!is_full_) report(ChangeKind::kLimited, true, path);
    is_full_ = true;
    return false;
  }
  const int watch = ::inotify_add_watch(fd_, full.data(), kMask | IN_ONLYDIR);
  if (watch < 0) {
    if (errno == ENOSPC && !is_full_) {  // the kernel's own limit
      report(ChangeKind::kLimited, true, path);
      is_full_ = true;
    }
    return false;  // otherwise it is gone again, or may not be read
  }
  char* copy = copy_of(path);
  if (copy == nullptr) return false;
  const std::size_t known = find(watch);  // the same folder under another name
  if (known < folder_count_) {
    std::free(folders_[known].path);
    folders_[known].path = copy;
  } else {
    folders_[folder_count_++] = {.watch = watch, .path = copy};
  }
  return true;
}

/// Watches the folders below `path`, level by level so that no depth needs a stack. What is found in a folder that came
/// while we watch is reported: it may have come before its watch.
void WatchJob::add_tree(std::string_view path, bool is_reported, int& budget) {
  std::size_t next = folder_count_;
  char* folder = copy_of(path);
  while (folder != nullptr) {
    std::array<char, 4096 + 1> full;
    DIR* open = nullptr;
    if (join(full, root_, folder)) {
      const int fd = ::open(full.data(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      open = fd < 0 ? nullptr : ::fdopendir(fd);
      if (fd >= 0 && open == nullptr) ::close(fd);
    }
    const dirent* entry = nullptr;
    while (open != nullptr && --budget > 0 && (entry = ::readdir(open)) != nullptr) {
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      if (!join(full, folder, entry->d_name)) continue;
      bool is_folder = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat status{};
        is_folder =
            ::fstatat(::dirfd(open), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
      }
      if (is_reported) report(ChangeKind::kCreated, is_folder, full.data());
      if (is_folder) (void)add(full.data());
    }
    if (open != nullptr) ::closedir(open);
    std::free(folder);
    folder = next < folder_count_ ? copy_of(folders_[next++].path) : nullptr;
  }
  if (budget <= 0 && !is_full_) {
    report(ChangeKind::kLimited, true, path);
    is_full_ = true;
  }
}

std::size_t WatchJob::find(int watch) const {
  for (std::size_t i = 0; i < folder_count_; ++i) {
    if (folders_[i].watch == watch) return i;
  }
  return folder_count_;
}

void WatchJob::forget(std::size_t index) {
  std::free(folders_[index].path);
  folders_[index] = folders_[--folder_count_];
}

/// It was moved out of what is watched.
void WatchJob::drop_tree(std::string_view path) {
  for (std::size_t i = folder_count_; i-- > 0;) {
    if (folders_[i].path[0] == '\0' || !is_below(folders_[i].path, path)) continue;
    (void)::inotify_rm_watch(fd_, folders_[i].watch);
    forget(i);
  }
}

void WatchJob::rename_tree(std::string_view from, std::string_view to) {
  for (std::size_t i = folder_count_; i-- > 0;) {
    const std::string_view path = folders_[i].path;
    if (path.empty() || !is_below(path, from)) continue;
    std::array<char, 4096 + 1> renamed;
    std::string_view rest = path;
    rest.remove_prefix(from.size());
    if (rest.starts_with('/')) rest.remove_prefix(1);
    char* copy = join(renamed, to, rest) ? copy_of(renamed.data()) : nullptr;
    if (copy == nullptr) {
      (void)::inotify_rm_watch(fd_, folders_[i].watch);
      forget(i);
      continue;
    }
    std::free(folders_[i].path);
    folders_[i].path = copy;
  }
}

/// Something that the kernel's queue does not hold.
void WatchJob::report(ChangeKind kind, bool is_folder, std::string_view path) {
  auto* node =
      pending_count_ < kPendingMax ? static_cast<Pending*>(std::malloc(sizeof(Pending) + path.size() + 1)) : nullptr;
  if (node == nullptr) {
    has_lost_ = true;
    return;
  }
  node->next = nullptr;
  node->kind = kind;
  node->is_folder = is_folder;
  if (!path.empty()) std::memcpy(node->path, path.data(), path.size());
  node->path[path.size()] = '\0';
  (last_ == nullptr ? first_ : last_->next) = node;
  last_ = node;
  ++pending_count_;
}

/// Sends the oldest, if there is where to send to. False if there is none.
bool WatchJob::take_pending() {
  Pending* node = first_;
  if (node == nullptr) return false;
  first_ = node->next;
  if (first_ == nullptr) last_ = nullptr;
  --pending_count_;
  if (output_ != nullptr) send(node->kind, node->is_folder, node->path, {});
  std::free(node);
  return true;
}

void WatchJob::send(ChangeKind kind, bool is_folder, std::string_view path, std::string_view from) {
  const std::size_t before = output_->room();
  output_->send(guest::Change{.kind = static_cast<std::uint8_t>(kind),
                              .flags = is_folder ? guest::Change::kFolder : std::uint8_t{0},
                              .path = path,
                              .from = from},
                channel_);
  *window_ -= static_cast<std::uint32_t>(before - output_->room() - guest::kHeaderSize + guest::kChangeCost);
}

/// A first half whose second did not come: it left what is watched.
void WatchJob::flush_moved() {
  if (moved_ == nullptr) return;
  if (!is_aside(moved_)) send(ChangeKind::kRemoved, is_moved_folder_, moved_, {});
  if (is_moved_folder_) drop_tree(moved_);
  std::free(moved_);
  moved_ = nullptr;
}

void WatchJob::handle(int watch, std::uint32_t mask, std::uint32_t cookie, std::string_view name) {
  const bool is_move_end = (mask & IN_MOVED_TO) != 0 && moved_ != nullptr && cookie == moved_cookie_;
  if (!is_move_end) flush_moved();
  if ((mask & IN_Q_OVERFLOW) != 0) return send(ChangeKind::kOverflow, false, {}, {});
  const std::size_t at = find(watch);
  if (at == folder_count_) return;  // of a folder that we watch no more
  if ((mask & IN_IGNORED) != 0) {
    if (folders_[at].path[0] == '\0') is_over_ = true;
    return forget(at);
  }
  const bool is_folder = (mask & IN_ISDIR) != 0;
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    if (folders_[at].path[0] != '\0') return;  // its parent says so as well
    send(ChangeKind::kRemoved, is_folder, {}, {});
    is_over_ = true;
    return;
  }
  if (!join(path_, folders_[at].path, name)) return;
  const std::string_view path = path_.data();
  if ((mask & IN_MOVED_FROM) != 0) {
    moved_ = copy_of(path);
    moved_cookie_ = cookie;
    is_moved_folder_ = is_folder;
    if (moved_ == nullptr) send(ChangeKind::kRemoved, is_folder, path, {});
    return;
  }
  if (is_move_end) {
    if (is_aside(moved_)) send(ChangeKind::kModified, is_folder, path, {});
    else send(ChangeKind::kMoved, is_folder, path, moved_);
    if (is_folder) rename_tree(moved_, path);
    std::free(moved_);
    moved_ = nullptr;
    return;
  }
  if (is_aside(path)) return;
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
    send(ChangeKind::kCreated, is_folder, path, {});
    int budget = kEntriesMax;
    if (is_folder && is_recursive_ && add(path)) add_tree(path, true, budget);
  } else if ((mask & IN_DELETE) != 0) {
    send(ChangeKind::kRemoved, is_folder, path, {});
  } else if ((mask & (IN_MODIFY | IN_ATTRIB)) != 0) {
    std::array<char, 4096 + 1> full;
    struct stat status{};
    if (may_be_nameless(path) && (!join(full, root_, path) || ::lstat(full.data(), &status) != 0)) return;
    send(ChangeKind::kModified, is_folder, path, {});
  }
}

bool WatchJob::read_events() {
  const ssize_t count = ::read(fd_, events_.data(), events_.size());
  if (count <= 0) return false;
  events_begin_ = 0;
  events_end_ = static_cast<std::size_t>(count);
  return true;
}

void WatchJob::handle_next() {
  inotify_event event;
  std::memcpy(&event, events_.data() + events_begin_, sizeof event);
  const char* name = reinterpret_cast<const char*>(events_.data() + events_begin_ + sizeof event);
  events_begin_ += sizeof event + event.len;
  handle(event.wd, event.mask, event.cookie, {name, event.len == 0 ? 0 : ::strnlen(name, event.len)});
}

bool WatchJob::step(std::uint32_t channel, std::uint32_t& window, Output& output) {
  output_ = &output;
  window_ = &window;
  channel_ = channel;
  while (may_send(window, output)) {
    if (take_pending()) continue;
    if (has_lost_) {
      has_lost_ = false;
      send(ChangeKind::kOverflow, false, {}, {});
      continue;
    }
    if (is_over_) break;
    if (events_begin_ < events_end_) {
      handle_next();
      continue;
    }
    if (read_events()) continue;
    flush_moved();
    break;
  }
  output_ = nullptr;
  window_ = nullptr;
  return is_over_ && first_ == nullptr && !has_lost_;
}

int WatchJob::descriptor(std::uint32_t window, const Output& output) const {
  return may_send(window, output) ? fd_ : -1;
}

bool WatchJob::has_more(std::uint32_t window, const Output& output) const {
  return may_send(window, output) && (first_ != nullptr || has_lost_ || is_over_ || events_begin_ < events_end_);
}

}  // namespace brig::agent
