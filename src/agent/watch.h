#pragma once
/// WatchJob: what happens below a folder, from inotify, as Change messages.
///
/// Everything it holds is bounded: the folders it watches, the changes that wait in it, and those that wait in the
/// kernel's own queue. What did not fit is said as a change of its own kind. Changes are read only while the host takes
/// them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/output.h"
#include "guest/file_messages.h"

namespace brig::agent {

class WatchJob {
 public:
  WatchJob() = default;
  WatchJob(const WatchJob&) = delete;
  WatchJob& operator=(const WatchJob&) = delete;
  ~WatchJob();

  /// 0 or an errno: EMFILE where this sandbox may not have another instance of inotify.
  int open(const guest::Watch& request);
  /// Sends changes while `window` and the room last. True when there will be no more: the watched place is gone.
  bool step(std::uint32_t channel, std::uint32_t& window, Output& output);
  /// What to poll, for reading; -1 while there is no credit or no room for what would be read.
  [[nodiscard]] int descriptor(std::uint32_t window, const Output& output) const;
  /// True if step() has something to do without the descriptor.
  [[nodiscard]] bool has_more(std::uint32_t window, const Output& output) const;

 private:
  /// What one change may need.
  static constexpr std::size_t kChangeRoom = 2 * guest::kPathMax + 16 + guest::kChangeCost;
  /// Changes found by looking at a new folder, which the kernel does not report.
  static constexpr std::size_t kPendingMax = 256;
  /// Entries of folders that are looked at in one go.
  static constexpr int kEntriesMax = 100'000;

  struct Folder {
    int watch = -1;
    char* path = nullptr;  ///< below the root of the watch; "" for the root
  };
  struct Pending {
    Pending* next;
    guest::ChangeKind kind;
    bool is_folder;
    char path[];
  };

  static bool may_send(std::uint32_t window, const Output& output) {
    return window >= 2 * kChangeRoom && output.room() >= 2 * Output::kReserve;
  }
  bool add(std::string_view path);
  void add_tree(std::string_view path, bool is_reported, int& budget);
  void forget(std::size_t index);
  void drop_tree(std::string_view path);
  void rename_tree(std::string_view from, std::string_view to);
  [[nodiscard]] std::size_t find(int watch) const;
  void report(guest::ChangeKind kind, bool is_folder, std::string_view path);
  void send(guest::ChangeKind kind, bool is_folder, std::string_view path, std::string_view from);
  void flush_moved();
  bool take_pending();
  bool read_events();
  void handle_next();
  void handle(int watch, std::uint32_t mask, std::uint32_t cookie, std::string_view name);

  int fd_ = -1;
  bool is_recursive_ = false;
  bool is_over_ = false;
  bool is_full_ = false;  ///< kLimited was said
  char* root_ = nullptr;
  std::array<Folder, guest::kWatchFoldersMax> folders_;
  std::size_t folder_count_ = 0;
  Pending* first_ = nullptr;
  Pending* last_ = nullptr;
  std::size_t pending_count_ = 0;
  bool has_lost_ = false;  ///< pending changes were dropped
  // A move's first half, until its second comes or the queue is empty.
  char* moved_ = nullptr;
  std::uint32_t moved_cookie_ = 0;
  bool is_moved_folder_ = false;
  std::array<char, 4096 + 1> path_;  ///< scratch
  alignas(8) std::array<std::byte, 4096> events_;
  std::size_t events_begin_ = 0;
  std::size_t events_end_ = 0;
  // Where send() sends to; set during step().
  Output* output_ = nullptr;
  std::uint32_t channel_ = 0;
  std::uint32_t* window_ = nullptr;
};

}  // namespace brig::agent
