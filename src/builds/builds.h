#pragma once
/// Builds: templates that clients have made over the API.
///
/// The daemon itself can make none. It keeps what was uploaded in files without names, hands their descriptors with an
/// order (image/order.h) to the process that makes templates, and keeps what that says: how far it is, its lines, how
/// it ended. A template belongs to the key that had it made. Records of builds live as long as the daemon does; a build
/// that was going on when it ended, ends with it, and leaves nothing.
///
/// One thread.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/notifier.h"
#include "async/task_group.h"
#include "base/wall_time.h"
#include "builds/upload.h"
#include "image/catalog.h"
#include "image/order.h"
#include "store/records.h"

namespace brig::builds {

struct Limits {
  std::size_t at_once = 1;         ///< in all; 0: none are made here
  std::size_t waiting = 16;        ///< in all, those that are made among them
  std::size_t waiting_of_key = 2;  ///< of one key, uploads among them
  Bytes upload = gibibytes(2);     ///< of one build
  std::size_t templates_of_key = 20;
  Bytes bytes_of_key = gibibytes(20);  ///< of a key's templates together
  Milliseconds time{30LL * 60'000};    ///< of one build
};
/// Of one key, builds that have ended and are remembered.
inline constexpr std::size_t kEndedMost = 50;

enum class State : std::uint8_t { kQueued, kRunning, kDone, kFailed };
/// "queued", …
std::string_view to_string(State state);

class Build {
 public:
  explicit Build(const asio::any_io_executor& executor) : changed(executor) {}

  std::string id;
  std::string key_id;
  std::string name;
  std::string kind;  ///< "dockerfile" or "archive"
  State state = State::kQueued;
  WallTime started_at;
  std::optional<WallTime> ended_at;
  std::uint64_t size_mb = 0;  ///< as whoever asked said it
  std::string error;          ///< of kFailed
  std::string digest;         ///< of kDone
  Bytes size{0};              ///< the same
  std::vector<std::string> lines;
  Notifier changed;  ///< there are more lines, or it has ended

  [[nodiscard]] bool has_ended() const { return state == State::kDone || state == State::kFailed; }

 private:
  friend class Builds;
  std::size_t bytes_ = 0;  ///< of its lines
  bool is_cancelled_ = false;
};

/// Something that happened, for logs and the event stream.
struct Happening {
  /// "template.built", "template.build_failed", "template.removed", "template.failed" (ours, not a build's)
  std::string_view type;
  std::string_view key_id;
  std::string_view name;    ///< of the template
  std::string_view detail;  ///< its digest, or what failed
};

/// What is to be made.
struct Wanted {
  std::string name;
  std::uint64_t size_mb = 0;
  std::string image = {};                        ///< of an archive with several
  std::vector<image::LimitDefault> limits = {};  ///< that its sandboxes start from
  Fd input;                                      ///< a tar of the context, or the archive
  Fd dockerfile = {};                            ///< not open: `input` is an archive
};

class Builds {
 public:
  /// The socket of a new process that makes templates. Blocks for the milliseconds that takes.
  using Connect = std::function<Result<Fd>()>;
  using OnHappening = std::function<void(const Happening&)>;

  struct Place {
    Connect connect;      ///< none: no templates are made over the API here
    std::string why_not;  ///< then: the reason, and what to do
    FdRef uploads;        ///< a folder that files without names can be made in
  };

  /// References outlive it.
  Builds(Limits limits, Place place, const image::Catalog& catalog, asio::any_io_executor executor, WallClock clock,
         OnHappening on_happening);
  Builds(const Builds&) = delete;
  Builds& operator=(const Builds&) = delete;
  ~Builds();

  /// A key's place among those that upload or wait.
  class Seat {
   public:
    Seat(Builds& builds, std::string key_id) : builds_(&builds), key_id_(std::move(key_id)) {}
    Seat(Seat&& other) noexcept : builds_(std::exchange(other.builds_, nullptr)), key_id_(std::move(other.key_id_)) {}
    Seat& operator=(Seat&&) = delete;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat();

   private:
    Builds* builds_;
    std::string key_id_;
  };

  /// Before anything is uploaded. kUnsupported where none are made, kDenied without the right, kExhausted,
  /// kUnavailable.
  Result<Seat> admit(const store::Key& key);
  Result<Upload> open_upload() const { return Upload::open(place_.uploads, limits_.upload); }
  /// kInvalidArgument, kConflict or kExhausted for a name that the key cannot have.
  Result<> check_name(const store::Key& key, std::string_view name) const;
  /// As check_name(); then it waits for its turn. The seat becomes the build's.
  Result<std::shared_ptr<Build>> start(const store::Key& key, Seat seat, Wanted wanted);

  /// kNotFound also for another key's.
  Result<std::shared_ptr<Build>> find(const store::Key& key, std::string_view id) const;
  /// Of a key, newest first.
  [[nodiscard]] std::vector<std::shared_ptr<Build>> list(const store::Key& key) const;
  /// Ends one that goes on; nothing comes of it. kConflict for one that has ended.
  Result<> cancel(const std::shared_ptr<Build>& build);
  void cancel_all_of(std::string_view key_id);
  /// Removes a template of the key's own. kDenied for another's.
  Task<> remove(store::Key key, std::string name);
  /// Everything that goes on ends.
  void stop();

 private:
  struct Link;
  struct Removal;
  Result<> expect_right(const store::Key& key) const;
  Result<> connect();
  Result<> send(const image::Order& order, std::span<const FdRef> fds);
  Task<> listen(std::shared_ptr<Link> link);
  void on_news(image::News news);
  void on_line(Build& build, std::string line) const;
  void end(Build& build, State state, std::string error);
  void lose(std::string_view why);
  void forget_old(std::string_view key_id);
  [[nodiscard]] std::size_t going_on() const;
  [[nodiscard]] std::size_t going_on_of(std::string_view key_id) const;

  Limits limits_;
  Place place_;
  const image::Catalog& catalog_;
  asio::any_io_executor executor_;
  WallClock clock_;
  OnHappening on_happening_;
  std::deque<std::shared_ptr<Build>> builds_;  ///< oldest first
  std::map<std::string, std::shared_ptr<Removal>, std::less<>> removals_;
  std::map<std::string, std::size_t, std::less<>> seats_;  ///< by key
  std::shared_ptr<Link> link_;
  bool is_stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace brig::builds
