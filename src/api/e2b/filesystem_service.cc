#include "api/e2b/filesystem_service.h"

#include <algorithm>
#include <cerrno>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/e2b/changes.h"
#include "api/e2b/connect.h"
#include "api/e2b/entry.h"
#include "api/e2b/place.h"
#include "api/e2b/proto_json.h"
#include "base/text.h"
#include "guest/wire.h"
#include "sandboxes/tool.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using SandboxPtr = std::shared_ptr<sandboxes::Sandbox>;

constexpr std::uint16_t kFolderMode = 0755;
/// Entries of one answer.
constexpr std::uint32_t kEntriesMost = 10'000;
/// Bytes of all their paths: each is said whole.
constexpr std::size_t kListedPathsMost = std::size_t{4} << 20;
constexpr std::size_t kNameMax = 64;  ///< of a watcher

Result<GuestPath> path_in(Call& call, const json::Reader& message, std::string_view key) {
  return resolve_path(TRY(text_at(message, key, guest::kPathMax)), *call.guest.sandbox);
}

bool is_missing(const Error& error) { return error.os_error() == ENOENT; }

Error no_file(const GuestPath& path) {
  return {Code::kNotFound, "file not found: lstat " + printable(path.text()) + ": no such file or directory"};
}

/// The folder that `path` leads to.
Task<Followed> expect_folder(SandboxPtr sandbox, GuestPath path) {
  auto there = co_await follow(sandbox, path);
  if (!there && is_missing(there.error()))
    co_return Error(Code::kNotFound, "path not found: " + printable(path.text()) + ": no such file or directory");
  if (there && there->entry.type != guest::FileType::kFolder)
    co_return Error(Code::kInvalidArgument, "path is not a directory: " + printable(path.text()));
  co_return there;
}

Task<bj::object> entry_at(SandboxPtr sandbox, GuestPath path) {
  auto entry = co_await describe_path(sandbox, path);
  if (!entry && is_missing(entry.error())) co_return no_file(path);
  CO_TRY(bj::object object, std::move(entry));
  co_return bj::object{{"entry", std::move(object)}};
}

Task<bj::object> stat(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath path, path_in(call, message, "path"));
  co_return co_await entry_at(call.guest.sandbox, path);
}

Task<bj::object> make_dir(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath path, path_in(call, message, "path"));
  const auto there = co_await follow(call.guest.sandbox, path);
  if (there && there->entry.type == guest::FileType::kFolder)
    co_return Error::system(EEXIST, "directory already exists: " + printable(path.text()));
  if (there)
    co_return Error(Code::kInvalidArgument, "path already exists but it is not a directory: " + printable(path.text()));
  if (!is_missing(there.error())) co_return there.error();
  CO_TRY(guest::Session * session, call.guest.sandbox->session());
  CO_TRY_VOID(co_await session->make_dir(path, kFolderMode, true));
  co_return co_await entry_at(call.guest.sandbox, path);
}

/// The folder that `path` is to be in, unless there is one.
Task<> make_parent(SandboxPtr sandbox, GuestPath path) {
  const std::size_t slash = path.text().rfind('/');
  if (slash == 0) co_return Result<>();
  CO_TRY(const GuestPath parent, GuestPath::parse(path.text().substr(0, slash)));
  const auto there = co_await follow(sandbox, parent);
  if (there || !is_missing(there.error())) co_return Result<>();
  CO_TRY(guest::Session * session, sandbox->session());
  co_return co_await session->make_dir(parent, kFolderMode, true);
}

/// From one of a sandbox's folders to another that is mounted by itself, which the kernel does not rename.
Task<> move_elsewhere(SandboxPtr sandbox, GuestPath from, GuestPath to) {
  const auto ignore = [](std::string_view) -> Task<> { co_return Result<>(); };
  CO_TRY(
      const sandboxes::ToolEnd end,
      co_await sandboxes::run_tool(sandbox, {.argv = {"mv", "-fT", "--", from.text(), to.text()}, .output = ignore}));
  if (end.exit_code == 0) co_return Result<>();
  if (end.is_disk_full) co_return Error::system(ENOSPC, "move " + printable(from.text()));
  co_return Error(Code::kInternal, "move " + printable(from.text()) + ": " + printable(end.complaint, 200));
}

Task<bj::object> move(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath from, path_in(call, message, "source"));
  CO_TRY(const GuestPath to, path_in(call, message, "destination"));
  CO_TRY(guest::Session * session, call.guest.sandbox->session());
  const auto there = co_await session->stat(from);
  if (!there && is_missing(there.error()))
    co_return Error(Code::kNotFound, "source file not found: " + printable(from.text()));
  CO_TRY_VOID(co_await make_parent(call.guest.sandbox, to));
  CO_TRY(session, call.guest.sandbox->session());
  auto moved = co_await session->move(from, to);
  if (!moved && moved.error().os_error() == EXDEV) moved = co_await move_elsewhere(call.guest.sandbox, from, to);
  if (!moved) co_return std::move(moved).error();
  co_return co_await entry_at(call.guest.sandbox, to);
}

Task<bj::object> remove(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath path, path_in(call, message, "path"));
  CO_TRY(guest::Session * session, call.guest.sandbox->session());
  auto removed = co_await session->remove(path, true);
  if (!removed && !is_missing(removed.error())) co_return std::move(removed).error();
  co_return bj::object();
}

/// By the names of their folders: "a", "a/b", "a.txt".
bool comes_before(const guest::FileEntry& a, const guest::FileEntry& b) {
  return std::ranges::lexicographical_compare(a.path, b.path, [](char x, char y) {
    const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
    return rank(x) < rank(y);
  });
}

Task<bj::object> list_dir(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath path, path_in(call, message, "path"));
  CO_TRY(const auto depth_at, message.given("depth"));
  std::uint64_t depth = 1;
  if (depth_at) {
    CO_TRY(depth, number_in(*depth_at, UINT32_MAX));
  }
  depth = std::clamp<std::uint64_t>(depth, 1, guest::kDepthMax + 1);
  const SandboxPtr sandbox = call.guest.sandbox;
  CO_TRY(const Followed folder, co_await expect_folder(sandbox, path));
  CO_TRY(guest::Session * session, sandbox->session());
  CO_TRY(guest::Listing listing,
         co_await session->list(
             {.path = folder.path, .depth = static_cast<std::uint16_t>(depth - 1), .max_entries = kEntriesMost}));
  if (listing.entries.size() >= kEntriesMost) {
    co_return Error(Code::kExhausted, printable(path.text()) + " has more than " + std::to_string(kEntriesMost) +
                                          " entries down to that depth; list its folders one by one");
  }
  std::size_t bytes = 0;
  for (const guest::FileEntry& entry : listing.entries) bytes += path.text().size() + entry.path.size();
  if (bytes > kListedPathsMost)
    co_return Error(Code::kExhausted, printable(path.text()) +
                                          " has more names down to that depth than one answer "
                                          "takes; list its folders one by one");
  std::ranges::sort(listing.entries, comes_before);
  bj::array entries;
  for (guest::FileEntry& entry : listing.entries) {
    // Names are a guest's: what is no path is not told.
    const auto below = GuestPath::parse((path.text() == "/" ? "" : path.text()) + "/" + entry.path);
    if (!below) continue;
    CO_TRY(bj::object object, co_await describe_entry(sandbox, *below, std::move(entry)));
    entries.emplace_back(std::move(object));
  }
  co_return bj::object{{"entries", std::move(entries)}};
}

/// The events that one change is, with entries if they are wanted.
Task<std::vector<bj::object>> events_with_entries(SandboxPtr sandbox, GuestPath folder, guest::FileChange change,
                                                  bool includes_entry) {
  CO_TRY(const std::vector<WatchEvent> events, events_of(change));
  std::vector<bj::object> objects;
  for (const WatchEvent& event : events) {
    bj::object object{{"name", event.name}, {"type", type_of(event)}};
    const auto path = GuestPath::parse(folder.text() + "/" + event.name);
    if (includes_entry && may_have_entry(event) && path) {
      if (auto entry = co_await describe_path(sandbox, *path)) object["entry"] = *std::move(entry);
    }
    objects.push_back(std::move(object));
  }
  co_return objects;
}

struct WatchRequest {
  Followed folder;
  bool is_recursive = false;
  bool includes_entry = false;
};

Task<WatchRequest> read_watch(Call& call, const json::Reader& message) {
  CO_TRY(const GuestPath path, path_in(call, message, "path"));
  CO_TRY(const bool is_recursive, flag_at(message, "recursive", false));
  CO_TRY(const bool includes_entry, flag_at(message, "includeEntry", false));
  CO_TRY(Followed folder, co_await expect_folder(call.guest.sandbox, path));
  co_return WatchRequest{.folder = std::move(folder), .is_recursive = is_recursive, .includes_entry = includes_entry};
}

Task<std::unique_ptr<guest::Watcher>> begin_watch(Call& call, const WatchRequest& request) {
  CO_TRY(guest::Session * session, call.guest.sandbox->session());
  co_return co_await session->watch(request.folder.path, request.is_recursive);
}

/// Until the watched folder is gone. Not raced for each change: one that had just come would be lost.
Task<> send_changes(Call& call, Outgoing& out, const WatchRequest& request, guest::Watcher& watcher) {
  while (true) {
    CO_TRY(auto change, co_await watcher.next());
    if (!change) co_return Result<>();
    CO_TRY(auto events, co_await events_with_entries(call.guest.sandbox, request.folder.path, *std::move(change),
                                                     request.includes_entry));
    for (bj::object& event : events) CO_TRY_VOID(co_await out.send({{"filesystem", std::move(event)}}));
  }
}

Task<> keep_alive(Outgoing& out, Milliseconds interval) {
  while (true) {
    CO_TRY_VOID(co_await out.silence(interval));
    CO_TRY_VOID(co_await out.send({{"keepalive", bj::object()}}));
  }
}

Task<> watch_dir(Call& call, const json::Reader& message, Outgoing& out) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const WatchRequest request, co_await read_watch(call, message));
  CO_TRY(const auto watcher, co_await begin_watch(call, request));
  CO_TRY_VOID(co_await out.send({{"start", bj::object()}}));
  auto ended = co_await (send_changes(call, out, request, *watcher) || keep_alive(out, call.times.keepalive));
  co_return ended.index() == 0 ? std::get<0>(std::move(ended)) : std::get<1>(std::move(ended));
}

Task<bj::object> create_watcher(Call& call, const json::Reader& message, Watchers& watchers) {
  CO_TRY(WatchRequest request, co_await read_watch(call, message));
  CO_TRY(auto watcher, co_await begin_watch(call, request));
  CO_TRY(std::string name,
         watchers.add(call.guest.sandbox->spec().id, call.guest.sandbox->spec().key_id, std::move(watcher),
                      {.folder = request.folder.path, .includes_entry = request.includes_entry}));
  co_return bj::object{{"watcherId", std::move(name)}};
}

Task<bj::object> watcher_events(Call& call, const json::Reader& message, Watchers& watchers) {
  CO_TRY(const std::string name, text_at(message, "watcherId", kNameMax));
  CO_TRY(Watchers::Polled polled, watchers.poll(call.guest.sandbox->spec().id, name));
  bj::array all;
  for (guest::FileChange& change : polled.changes) {
    auto events = co_await events_with_entries(call.guest.sandbox, polled.watched.folder, std::move(change),
                                               polled.watched.includes_entry);
    if (!events) {
      (void)watchers.remove(call.guest.sandbox->spec().id, name);
      co_return std::move(events).error();
    }
    for (bj::object& event : *events) all.emplace_back(std::move(event));
  }
  co_return bj::object{{"events", std::move(all)}};
}

Task<bj::object> remove_watcher(Call& call, const json::Reader& message, Watchers& watchers) {
  CO_TRY(const std::string name, text_at(message, "watcherId", kNameMax));
  CO_TRY_VOID(watchers.remove(call.guest.sandbox->spec().id, name));
  co_return bj::object();
}

}  // namespace

void add_filesystem_service(http::Router& router, Guests& guests, Watchers& watchers) {
  Connect connect(guests);
  const std::string service = "filesystem.Filesystem/";
  connect.add_unary(router, service + "Stat", "e2b_file_stat", stat);
  connect.add_unary(router, service + "MakeDir", "e2b_folder_make", make_dir);
  connect.add_unary(router, service + "Move", "e2b_file_move", move);
  connect.add_unary(router, service + "Remove", "e2b_file_remove", remove);
  connect.add_unary(router, service + "ListDir", "e2b_folder_list", list_dir);
  connect.add_streaming(router, service + "WatchDir", "e2b_folder_watch", watch_dir);
  const auto with_watchers = [&watchers](auto handler) {
    return [&watchers, handler](Call& call, const json::Reader& message) { return handler(call, message, watchers); };
  };
  connect.add_unary(router, service + "CreateWatcher", "e2b_watcher_create", with_watchers(create_watcher));
  connect.add_unary(router, service + "GetWatcherEvents", "e2b_watcher_events", with_watchers(watcher_events));
  connect.add_unary(router, service + "RemoveWatcher", "e2b_watcher_remove", with_watchers(remove_watcher));
}

}  // namespace brig::api::e2b
