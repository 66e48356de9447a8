#include "builds/builds.h"

#include <algorithm>
#include <array>
#include <set>

#include "async/stream.h"
#include "async/timer.h"
#include "base/text.h"
#include "store/ids.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::builds {
namespace {

constexpr Milliseconds kRemovalPatience{30'000};
/// Names of our own routes below /v1/templates, and of templates that are shipped: whoever asks for `base` means ours,
/// and whoever asks for `code-interpreter-v1` as E2B's code interpreter does.
constexpr std::array<std::string_view, 6> kTaken{"build", "builds",           "import",
                                                 "base",  "code-interpreter", "code-interpreter-v1"};

}  // namespace

struct Builds::Link {
  Fd socket;
};

struct Builds::Removal {
  explicit Removal(const asio::any_io_executor& executor) : done(executor) {}
  std::optional<Result<>> outcome;
  Notifier done;
};

std::string_view to_string(State state) {
  constexpr std::array<std::string_view, 4> kWords{"queued", "running", "done", "failed"};
  return kWords.at(static_cast<std::size_t>(state));
}

Builds::Builds(Limits limits, Place place, const image::Catalog& catalog, asio::any_io_executor executor,
               WallClock clock, OnHappening on_happening)
    : limits_(limits), place_(std::move(place)), catalog_(catalog), executor_(std::move(executor)),
      clock_(std::move(clock)), on_happening_(std::move(on_happening)), tasks_(executor_) {}

Builds::~Builds() = default;

Builds::Seat::~Seat() {
  if (builds_ == nullptr) return;
  const auto found = builds_->seats_.find(key_id_);
  if (--found->second == 0) builds_->seats_.erase(found);
}

std::size_t Builds::going_on() const {
  std::size_t count = 0;
  for (const auto& build : builds_) count += build->has_ended() ? 0 : 1;
  for (const auto& [key, seats] : seats_) count += seats;
  return count;
}

std::size_t Builds::going_on_of(std::string_view key_id) const {
  std::size_t count = 0;
  for (const auto& build : builds_) count += build->has_ended() || build->key_id != key_id ? 0 : 1;
  const auto seats = seats_.find(key_id);
  return count + (seats != seats_.end() ? seats->second : 0);
}

Result<> Builds::expect_right(const store::Key& key) const {
  if (!key.may_build_templates)
    return Error(Code::kDenied,
                 "this key may not make templates: brig keys create --may-build-templates makes one that may");
  if (!place_.connect) return Error(Code::kUnsupported, place_.why_not);
  if (is_stopping_) return Error(Code::kUnavailable, "the daemon is stopping");
  return {};
}

Result<Builds::Seat> Builds::admit(const store::Key& key) {
  TRY(expect_right(key));
  if (going_on_of(key.id) >= limits_.waiting_of_key)
    return Error(Code::kExhausted, "this key has " + std::to_string(limits_.waiting_of_key) +
                                       " builds going on, as many as it may: wait for one, or cancel it");
  if (going_on() >= limits_.waiting)
    return Error(Code::kUnavailable, std::to_string(limits_.waiting) + " builds wait here already");
  ++seats_[key.id];
  return Seat(*this, key.id);
}

Result<> Builds::check_name(const store::Key& key, std::string_view name) const {
  TRY(image::check_template_name(name));
  if (std::ranges::find(kTaken, name) != kTaken.end())
    return Error(Code::kConflict, "the name \"" + std::string(name) + "\" is Brig's own: choose another");
  std::set<std::string> names;  // of this key, those that are being made among them
  for (const auto& build : builds_) {
    if (!build->has_ended() && build->key_id == key.id) names.insert(build->name);
  }
  for (const image::Listed& one : TRY(catalog_.list())) {
    if (one.manifest.name == name) {
      if (one.manifest.owner == key.id) continue;
      return Error(Code::kConflict, "the name \"" + std::string(name) + "\" is taken: choose another");
    }
    if (one.manifest.owner == key.id) names.insert(one.manifest.name);
  }
  names.erase(std::string(name));
  if (key.id != store::kLocalKeyId && names.size() >= limits_.templates_of_key)
    return Error(Code::kExhausted, "this key has " + std::to_string(names.size()) +
                                       " templates, as many as it may: remove one (DELETE /v1/templates/{name})");
  return {};
}

Result<std::shared_ptr<Build>> Builds::start(const store::Key& key, Seat /*seat*/, Wanted wanted) {
  TRY(expect_right(key));
  TRY(check_name(key, wanted.name));
  const bool is_local = key.id == store::kLocalKeyId;
  std::uint64_t used = 0;
  for (const image::Listed& one : TRY(catalog_.list())) {
    if (one.manifest.owner == key.id && one.manifest.name != wanted.name) used += one.manifest.size.count;
  }
  if (!is_local && used >= limits_.bytes_of_key.count)
    return Error(Code::kExhausted, "this key's templates have " + format(limits_.bytes_of_key) +
                                       ", as much as they may: remove one (DELETE /v1/templates/{name})");
  const bool is_archive = !wanted.dockerfile.is_open();
  const image::Order order{.kind = is_archive ? image::Order::Kind::kImport : image::Order::Kind::kBuild,
                           .id = store::make_id(),
                           .name = wanted.name,
                           .owner = key.id,
                           .templates = key.templates,
                           .image = std::move(wanted.image),
                           .limits = std::move(wanted.limits),
                           .time = limits_.time,
                           .room = is_local ? Bytes{std::uint64_t{1} << 50U} : limits_.bytes_of_key};
  std::vector<FdRef> fds{wanted.input.ref()};
  if (!is_archive) fds.push_back(wanted.dockerfile.ref());
  TRY(connect());
  TRY(send(order, fds));
  auto build = std::make_shared<Build>(executor_);
  build->id = order.id;
  build->key_id = key.id;
  build->name = order.name;
  build->kind = is_archive ? "archive" : "dockerfile";
  build->started_at = clock_();
  build->size_mb = wanted.size_mb;
  builds_.push_back(build);
  return build;
}

Result<std::shared_ptr<Build>> Builds::find(const store::Key& key, std::string_view id) const {
  for (const auto& build : builds_) {
    if (build->id == id && build->key_id == key.id) return build;
  }
  return Error(Code::kNotFound, "there is no build \"" + printable(id, 64) +
                                    "\" of this key's (the daemon forgets them when it is started again)");
}

std::vector<std::shared_ptr<Build>> Builds::list(const store::Key& key) const {
  std::vector<std::shared_ptr<Build>> all;
  std::ranges::copy_if(builds_, std::back_inserter(all), [&](const auto& build) { return build->key_id == key.id; });
  std::ranges::reverse(all);
  return all;
}

Result<> Builds::cancel(const std::shared_ptr<Build>& build) {
  if (build->has_ended()) return Error(Code::kConflict, "this build has ended already");
  build->is_cancelled_ = true;
  return send({.kind = image::Order::Kind::kCancel, .id = build->id, .templates = {}}, {});
}

void Builds::cancel_all_of(std::string_view key_id) {
  for (const auto& build : builds_) {
    if (build->key_id == key_id && !build->has_ended()) (void)cancel(build).has_value();  // else its builder is gone
  }
}

Task<> Builds::remove(store::Key key, std::string name) {
  CO_TRY_VOID(expect_right(key));
  CO_TRY_VOID(connect());
  const image::Order order{
      .kind = image::Order::Kind::kRemove, .id = store::make_id(), .name = name, .owner = key.id, .templates = {}};
  const auto removal = std::make_shared<Removal>(executor_);
  removals_[order.id] = removal;
  const auto sent = send(order, {});
  if (!sent) removals_.erase(order.id);
  CO_TRY_VOID(sent);
  if (!removal->outcome) {
    const auto waited = co_await with_timeout(kRemovalPatience, removal->done.wait(), "removing the template");
    removals_.erase(order.id);
    if (!removal->outcome) CO_TRY_VOID(waited);
  }
  removals_.erase(order.id);
  if (!removal->outcome) co_return Error(Code::kInternal, "removing the template ended without an answer");
  CO_TRY_VOID(std::move(*removal->outcome));
  on_happening_({.type = "template.removed", .key_id = key.id, .name = name, .detail = {}});
  co_return Result<>();
}

void Builds::stop() {
  is_stopping_ = true;
  lose("the daemon was stopped");
  tasks_.cancel();
}

Result<> Builds::connect() {
  if (link_) return {};
  auto link = std::make_shared<Link>(Link{.socket = TRY(place_.connect().context("start what makes templates"))});
  TRY(sys::set_nonblocking(link->socket.ref(), true));
  link_ = link;
  tasks_.spawn(listen(std::move(link)));
  return {};
}

Result<> Builds::send(const image::Order& order, std::span<const FdRef> fds) {
  if (!link_) return Error(Code::kUnavailable, "the process that makes templates is gone");
  const std::string text = to_json(order);
  TRY(image::parse_order(text).context("what is asked for"));  // as the other end will read it
  auto sent = sys::send_message(link_->socket.ref(), std::as_bytes(std::span(text)), fds, sys::IfFull::kFail);
  if (sent) return {};
  return Error(Code::kUnavailable, "the process that makes templates does not listen: try again");
}

/// Until the other end is gone. What it says is read strictly; one that does not speak properly is left.
Task<> Builds::listen(std::shared_ptr<Link> link) {
  std::vector<std::byte> buffer(sys::kMaxMessage);
  while (link == link_) {
    CO_TRY_VOID(co_await wait_readable(link->socket.ref()));
    if (link != link_) break;
    const auto message = sys::receive_message(link->socket.ref(), buffer);
    if (!message && message.error().os_error() == EAGAIN) continue;
    if (!message || message->size == 0) {
      lose("the process that makes templates ended in the middle: try again");
      break;
    }
    auto news = image::parse_news({reinterpret_cast<const char*>(buffer.data()), message->size});
    if (!news) {
      on_happening_({.type = "template.failed", .key_id = {}, .name = {}, .detail = news.error().message()});
      lose("the process that makes templates was not understood: try again");
      break;
    }
    on_news(*std::move(news));
  }
  co_return Result<>();
}

void Builds::on_news(image::News news) {
  using Kind = image::News::Kind;
  if (const auto removal = removals_.find(news.id); removal != removals_.end()) {
    if (news.kind == Kind::kDone) removal->second->outcome = Result<>();
    else if (news.kind == Kind::kFailed) removal->second->outcome = Result<>(Error(news.code, news.text));
    removal->second->done.notify();
    return;
  }
  const auto found = std::ranges::find_if(builds_, [&](const auto& build) { return build->id == news.id; });
  if (found == builds_.end() || (*found)->has_ended()) return;
  const std::shared_ptr<Build> build = *found;
  switch (news.kind) {
    case Kind::kBegun: build->state = State::kRunning; break;
    case Kind::kLine: on_line(*build, std::move(news.text)); break;
    case Kind::kDone:
      build->digest = std::move(news.digest);
      build->size = news.size;
      end(*build, State::kDone, "");
      break;
    case Kind::kFailed: end(*build, State::kFailed, build->is_cancelled_ ? "it was cancelled" : std::move(news.text));
  }
  build->changed.notify();
}

void Builds::on_line(Build& build, std::string line) const {
  if (build.lines.size() > image::kBuildLinesMost || build.bytes_ + line.size() > image::kBuildLogMost) return;
  build.bytes_ += line.size();
  build.lines.push_back(std::move(line));
}

void Builds::end(Build& build, State state, std::string error) {
  build.state = state;
  build.error = std::move(error);
  build.ended_at = clock_();
  on_happening_({.type = state == State::kDone ? "template.built" : "template.build_failed",
                 .key_id = build.key_id,
                 .name = build.name,
                 .detail = state == State::kDone ? build.digest : build.error});
  build.changed.notify();
  forget_old(build.key_id);
}

void Builds::lose(std::string_view why) {
  link_.reset();
  const auto all = builds_;  // ending one may forget another
  for (const auto& build : all) {
    if (!build->has_ended()) end(*build, State::kFailed, build->is_cancelled_ ? "it was cancelled" : std::string(why));
  }
  for (const auto& [id, removal] : removals_) {
    removal->outcome = Result<>(Error(Code::kUnavailable, std::string(why)));
    removal->done.notify();
  }
}

void Builds::forget_old(std::string_view key_id) {
  const auto is_old = [&](const auto& build) { return build->key_id == key_id && build->has_ended(); };
  auto count = static_cast<std::size_t>(std::ranges::count_if(builds_, is_old));
  for (; count > kEndedMost; --count) builds_.erase(std::ranges::find_if(builds_, is_old));
}

}  // namespace brig::builds
