#include "builder.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <deque>
#include <list>

#include "../brig/options.h"
#include "base/text.h"
#include "image/make/dockerfile.h"
#include "image/make/step.h"
#include "image/order.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"
#include "workshop.h"

namespace brig::templates {
namespace {

using Clock = std::chrono::steady_clock;
using image::News;
using image::Order;

/// Orders that wait; the daemon has a bound of its own below it.
constexpr std::size_t kWaitingMost = 256;
/// What a build that was ended leaves can be removed when its sandboxes are gone, a moment later.
constexpr std::chrono::milliseconds kSweepEvery{500};
constexpr int kSweeps = 10;
constexpr std::size_t kPiece = std::size_t{1} << 20;
/// A child outlives its time by that much only if its parent cannot end it, which says why.
constexpr std::chrono::milliseconds kLateBy{5'000};

/// Waits while the daemon reads slowly: what it does not hear of, it cannot have.
void tell(FdRef orders, const News& news) {
  const std::string text = to_json(news);
  (void)sys::send_message(orders, std::as_bytes(std::span(text))).has_value();  // without a daemon we end anyway
}

void tell_failed(FdRef orders, const std::string& id, const Error& error) {
  tell(orders, {.kind = News::Kind::kFailed,
                .id = id,
                .text = printable(error.message(), image::kNewsSentenceMost),
                .code = error.code()});
}

/// Lines of a build, as many as anybody keeps.
class Lines {
 public:
  Lines(FdRef orders, std::string id) : orders_(orders), id_(std::move(id)) {}
  void add(std::string_view line) {
    if (count_ > image::kBuildLinesMost) return;
    const std::string text = printable(line, image::kNewsLineMost);
    bytes_ += text.size();
    const bool is_too_much = ++count_ > image::kBuildLinesMost || bytes_ > image::kBuildLogMost - 1024;
    if (is_too_much) count_ = image::kBuildLinesMost + 1;
    tell(orders_,
         {.kind = News::Kind::kLine, .id = id_, .text = is_too_much ? "(more was said, and is left out)" : text});
  }

 private:
  FdRef orders_;
  std::string id_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

/// A regular file, read from its beginning; the daemon may be writing to it, so that all later looks are at our copy.
Result<> copy_in(FdRef from, const std::string& to, Bytes most) {
  struct stat status{};
  if (::fstat(from.get(), &status) != 0) return Error::last_system("look at what was uploaded");
  if (!S_ISREG(status.st_mode)) return Error(Code::kDenied, "what was uploaded is no regular file");
  const Fd file = TRY(sys::open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  std::vector<char> piece(kPiece);
  for (std::uint64_t at = 0;;) {
    const ssize_t count = ::pread(from.get(), piece.data(), piece.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read what was uploaded");
    if (count == 0) break;
    at += static_cast<std::uint64_t>(count);
    if (at > most.count) return Error(Code::kExhausted, "what was uploaded is larger than " + format(most));
    TRY(image::expect_room(to));
    TRY(sys::write_all(file.ref(), {piece.data(), static_cast<std::size_t>(count)}));
  }
  if (::fchmod(file.get(), 0644) != 0) return Error::last_system("open the upload to the worker");
  return {};
}

Result<std::string> read_dockerfile(FdRef file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return Error(Code::kDenied, "the Dockerfile is no regular file");
  std::string text(static_cast<std::size_t>(std::min<off_t>(status.st_size, image::kDockerfileMost + 1)), '\0');
  if (text.size() > image::kDockerfileMost)
    return Error(Code::kExhausted, "the Dockerfile is larger than " + format(Bytes{image::kDockerfileMost}));
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  if (count < 0) return Error::last_system("read the Dockerfile");
  text.resize(static_cast<std::size_t>(count));
  return text;
}

/// What may be built on: what its owner sees and the key may use.
bool may_use(const Order& order, const image::Manifest& manifest) {
  if (!image::may_see(manifest, order.owner)) return false;
  return order.templates.empty() || std::ranges::find(order.templates, manifest.name) != order.templates.end();
}

struct Waiting {
  Order order;
  std::vector<Fd> fds;
};

/// In the child.
Result<image::Manifest> make(image::Store& store, const Waiting& wanted, Bytes input_most, Lines& lines) {
  const Order& order = wanted.order;
  TRY(store.prepare());
  store.limit_owners(order.room);
  const image::BuildFolder upload = TRY(store.new_build());
  const std::string input = upload.path() + "/input";
  TRY(copy_in(wanted.fds.front().ref(), input, input_most));
  const image::Workshop workshop = TRY(make_workshop([&lines](std::string_view line) { lines.add(line); }));
  const HostPath path = TRY(HostPath::parse(input));
  if (order.kind == Order::Kind::kImport) {
    const image::ImportRequest request{.input = path,
                                       .name = order.name,
                                       .image = order.image,
                                       .shown_source = "an upload",
                                       .limits = order.limits,
                                       .uses_cache = false,  // it knows inputs by where they lie
                                       .owner = order.owner};
    return TRY(image::import(workshop, store, request)).made.manifest;
  }
  const image::DockerfileRequest request{
      .file = TRY(HostPath::parse("/Dockerfile")),
      .context = path,
      .name = order.name,
      .arguments = {},
      .target = {},
      .text = TRY(read_dockerfile(wanted.fds.back().ref())),
      .owner = order.owner,
      .limits = order.limits,
      .may_use = [&order](const image::Manifest& manifest) { return may_use(order, manifest); }};
  return TRY(image::build_dockerfile(workshop, store, request)).made.manifest;
}

/// Ends this process, whatever it or its parent does then: one that tells a daemon that does not listen, waits.
bool end_after(std::chrono::milliseconds time) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return false;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const itimerspec when{
      .it_interval = {},
      .it_value = {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(time - seconds).count()}};
  return ::timer_settime(timer, 0, &when, nullptr) == 0;
}

struct Running {
  std::string id;
  sys::Child child;
  Clock::time_point deadline;
  bool is_cancelled = false;
  bool is_late = false;
};

class Builder {
 public:
  Builder(Fd orders, image::Store store, BuilderLimits limits)
      : orders_(std::move(orders)), store_(std::move(store)), limits_(limits) {}

  Result<> run();

 private:
  Result<bool> read_order();
  void take(Order order, std::vector<Fd> fds);
  void refuse(std::string_view text, const Error& error);
  void cancel(const std::string& id);
  void start_those_that_may();
  Result<> start(Waiting wanted);
  [[noreturn]] void be_child(const Waiting& wanted, pid_t parent, std::chrono::milliseconds time);
  void end_late();
  void reap(Running& running);
  void sweep();
  [[nodiscard]] int patience() const;

  Fd orders_;
  image::Store store_;
  BuilderLimits limits_;
  std::deque<Waiting> waiting_;
  std::list<Running> running_;
  int sweeps_ = 0;
  Clock::time_point sweep_at_;
};

Result<> Builder::run() {
  // What a builder before us left. It may be dying still.
  sweeps_ = kSweeps;
  sweep_at_ = Clock::now();
  while (true) {
    sweep();
    end_late();
    start_those_that_may();
    std::vector<pollfd> events{{.fd = orders_.get(), .events = POLLIN, .revents = 0}};
    for (const Running& running : running_)
      events.push_back({.fd = running.child.pidfd().get(), .events = POLLIN, .revents = 0});
    if (::poll(events.data(), events.size(), patience()) < 0) {
      if (errno == EINTR) continue;
      return Error::last_system("poll");
    }
    std::size_t i = 0;
    for (auto at = running_.begin(); at != running_.end();) {
      const bool has_ended = events.at(++i).revents != 0;
      if (has_ended) reap(*at);
      at = has_ended ? running_.erase(at) : std::next(at);
    }
    if (events.front().revents != 0 && !TRY(read_order())) break;
  }
  running_.clear();  // ends them
  ::usleep(static_cast<useconds_t>(std::chrono::microseconds(kSweepEvery).count()));
  (void)store_.prepare().has_value();  // what is not gone by now, the next one removes
  return {};
}

/// False at the end.
Result<bool> Builder::read_order() {
  std::vector<std::byte> buffer(sys::kMaxMessage);
  auto message = sys::receive_message(orders_.ref(), buffer);
  if (!message) return std::move(message).error();
  if (message->size == 0) return false;
  const std::string_view text(reinterpret_cast<const char*>(buffer.data()), message->size);
  auto order = image::parse_order(text);
  if (order) take(*std::move(order), std::move(message->fds));
  else refuse(text, order.error());
  return true;
}

/// Others' builds go on.
void Builder::refuse(std::string_view text, const Error& error) {
  cli::complain("an order of the daemon's was not understood: " + printable(error.message(), 400));
  if (const std::string id = image::id_of_order(text); !id.empty()) tell_failed(orders_.ref(), id, error);
}

void Builder::take(Order order, std::vector<Fd> fds) {
  if (order.kind == Order::Kind::kCancel) return cancel(order.id);
  if (order.kind == Order::Kind::kRemove) {
    const auto removed = store_.prepare() ? store_.remove(order.name, order.owner)
                                          : Result<>(Error(Code::kUnavailable, "the templates cannot be written to"));
    if (!removed) return tell_failed(orders_.ref(), order.id, removed.error());
    return tell(orders_.ref(), {.kind = News::Kind::kDone, .id = order.id});
  }
  const std::size_t wanted = order.kind == Order::Kind::kBuild ? 2 : 1;
  if (fds.size() != wanted)
    return tell_failed(orders_.ref(), order.id, Error(Code::kInvalidArgument, "the upload is missing"));
  if (waiting_.size() >= kWaitingMost)
    return tell_failed(orders_.ref(), order.id, Error(Code::kExhausted, "too many builds wait"));
  waiting_.push_back({.order = std::move(order), .fds = std::move(fds)});
}

void Builder::cancel(const std::string& id) {
  const auto waits = std::ranges::find(waiting_, id, [](const Waiting& one) { return one.order.id; });
  if (waits != waiting_.end()) {
    waiting_.erase(waits);
    return tell_failed(orders_.ref(), id, Error(Code::kCancelled, "it was cancelled"));
  }
  const auto runs = std::ranges::find(running_, id, &Running::id);
  if (runs == running_.end()) return;
  runs->is_cancelled = true;
  (void)runs->child.kill(SIGKILL).has_value();
}

void Builder::start_those_that_may() {
  while (running_.size() < limits_.at_once && !waiting_.empty()) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const std::string id = next.order.id;
    if (const auto started = start(std::move(next)); !started) tell_failed(orders_.ref(), id, started.error());
  }
}

Result<> Builder::start(Waiting wanted) {
  tell(orders_.ref(), {.kind = News::Kind::kBegun, .id = wanted.order.id});
  const auto time = std::min(wanted.order.time, limits_.time);
  const pid_t parent = ::getpid();
  auto child = TRY(sys::clone(0, FdRef()));
  if (!child) be_child(wanted, parent, time);
  running_.push_back({.id = wanted.order.id, .child = *std::move(child), .deadline = Clock::now() + time});
  return {};
}

void Builder::be_child(const Waiting& wanted, pid_t parent, std::chrono::milliseconds time) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
  if (!end_after(time + kLateBy)) ::_exit(1);
  Lines lines(orders_.ref(), wanted.order.id);
  const auto made = make(store_, wanted, limits_.input, lines);
  if (made) {
    tell(orders_.ref(), {.kind = News::Kind::kDone, .id = wanted.order.id, .digest = made->digest, .size = made->size});
  } else {
    tell_failed(orders_.ref(), wanted.order.id, made.error());
  }
  ::_exit(0);
}

void Builder::end_late() {
  for (Running& running : running_) {
    if (running.is_late || Clock::now() < running.deadline) continue;
    running.is_late = true;
    (void)running.child.kill(SIGKILL).has_value();
  }
}

/// One that ended by itself has said how. To one that has, what is said here comes too late, and is not heard.
void Builder::reap(Running& running) {
  const auto end = running.child.wait();
  if (end && !end->is_signal && end->value == 0) return;
  sweeps_ = kSweeps;
  sweep_at_ = Clock::now();
  if (running.is_cancelled) return tell_failed(orders_.ref(), running.id, Error(Code::kCancelled, "it was cancelled"));
  if (running.is_late)
    return tell_failed(orders_.ref(), running.id, Error(Code::kDeadline, "it took longer than a build may"));
  tell_failed(orders_.ref(), running.id, Error(Code::kUnavailable, "the process that made it died: try again"));
}

/// Removes what builds that were ended left.
void Builder::sweep() {
  if (sweeps_ == 0 || Clock::now() < sweep_at_) return;
  --sweeps_;
  sweep_at_ = Clock::now() + kSweepEvery;
  const auto swept = store_.prepare();
  if (!swept && sweeps_ == 0) cli::complain("what builds that died have left: " + swept.error().message());
}

/// In milliseconds; -1: until something comes.
int Builder::patience() const {
  std::optional<Clock::time_point> until;
  if (sweeps_ > 0) until = sweep_at_;
  for (const Running& running : running_) {
    if (!running.is_late) until = std::min(until.value_or(running.deadline), running.deadline);
  }
  if (!until) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

Result<> make_for_daemon(Fd orders, image::Store store, BuilderLimits limits) {
  return Builder(std::move(orders), std::move(store), limits).run();
}

}  // namespace brig::templates
