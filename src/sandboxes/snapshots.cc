#include "sandboxes/snapshots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "policy/parse.h"
#include "sandboxes/archive.h"
#include "store/ids.h"
#include "sys/file.h"

namespace brig::sandboxes {
namespace {

/// What an archive needs beside the contents: names, and rounding up.
constexpr std::uint64_t kArchiveSlack = std::uint64_t{64} << 20;
/// Left on the host's disk whatever anybody keeps, and how often that is looked at.
constexpr std::uint64_t kDiskLeft = std::uint64_t{256} << 20;
constexpr std::uint64_t kDiskLook = std::uint64_t{16} << 20;
constexpr std::string_view kHalf = ".half";

/// A file that goes again unless it is kept.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void moved_to(std::string path) { path_ = std::move(path); }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// A name in a list for as long as it lives.
class Listed {
 public:
  Listed(std::vector<std::string>& list, const std::string& name) : list_(list), name_(name) { list_.push_back(name); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed() { list_.erase(std::ranges::find(list_, name_)); }

 private:
  std::vector<std::string>& list_;
  std::string name_;
};

Result<> expect_room(FdRef file) {
  struct statvfs room{};
  if (::fstatvfs(file.get(), &room) != 0) return Error::last_system("look at the disk");
  if (std::uint64_t{room.f_bavail} * room.f_frsize < kDiskLeft) return Error::system(ENOSPC, "keep a sandbox's state");
  return {};
}

struct Sink {
  FdRef file;
  std::uint64_t most = 0;
  std::uint64_t size = 0;
  std::uint64_t looked = 0;
};

Task<> keep(Sink& sink, std::string_view bytes) {
  if (bytes.size() > sink.most - sink.size)
    co_return Error(Code::kExhausted, "the sandbox's files take more than its disk should hold");
  if (sink.size >= sink.looked) {
    CO_TRY_VOID(expect_room(sink.file));
    sink.looked = sink.size + kDiskLook;
  }
  CO_TRY_VOID(sys::write_all(sink.file, bytes));
  sink.size += bytes.size();
  co_return Result<>();
}

Task<std::size_t> read_at(FdRef file, std::uint64_t& at, std::span<std::byte> buffer) {
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
  if (count < 0) co_return Error::last_system("read a sandbox's state");
  at += static_cast<std::uint64_t>(count);
  co_return static_cast<std::size_t>(count);
}

Task<> sync_here(FdRef file) {
  if (::fsync(file.get()) != 0) co_return Error::last_system("write a snapshot to the disk");
  co_return Result<>();
}

std::vector<policy::Variable> merged(std::vector<policy::Variable> pairs, const std::vector<policy::Variable>& more) {
  for (const policy::Variable& pair : more) {
    std::erase_if(pairs, [&](const policy::Variable& old) { return old.name == pair.name; });
    pairs.push_back(pair);
  }
  return pairs;
}

}  // namespace

Snapshots::~Snapshots() { disk_.join(); }

Result<std::size_t> Snapshots::recover() {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return Error::last_system("make " + folder_);
  std::size_t removed = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (store::is_id(name)) {
      const auto record = store_.snapshots().get(name);
      if (record) continue;
      if (record.error().code() != Code::kNotFound) return record.error();
    } else if (!name.ends_with(kHalf)) {
      continue;  // nothing of ours
    }
    if (::unlink(entry.path().c_str()) != 0) return Error::last_system("remove " + entry.path().string());
    ++removed;
  }
  if (error) return Error::system(error.value(), "look into " + folder_);
  return removed;
}

Task<> Snapshots::to_disk(FdRef file) {
  co_return co_await asio::co_spawn(disk_.get_executor(), sync_here(file), asio::use_awaitable);
}

Task<std::uint64_t> Snapshots::write_state(std::shared_ptr<Sandbox> sandbox, FdRef file) {
  const std::uint64_t disk = sandbox->spec().policy.limits.disk.count;
  Sink sink{.file = file, .most = disk + disk / 2 + kArchiveSlack};
  CO_TRY_VOID(co_await pack_state(sandbox, [&sink](std::string_view bytes) { return keep(sink, bytes); }));
  co_return sink.size;
}

Task<store::Snapshot> Snapshots::take(std::shared_ptr<Sandbox> sandbox, std::string name) {
  const SandboxSpec& of = sandbox->spec();
  CO_TRY(const auto known, store_.snapshots().list({.key_id = of.key_id, .sandbox_id = {}}, kSnapshotsMost));
  const auto taken = static_cast<std::size_t>(std::ranges::count(being_taken_, of.key_id));
  if (known.items.size() + taken >= kSnapshotsMost)
    co_return Error(Code::kExhausted,
                    "this key has " + std::to_string(kSnapshotsMost) + " snapshots; delete one first");
  const Listed listed(being_taken_, of.key_id);
  store::Snapshot snapshot{.id = store::make_id(),
                           .key_id = of.key_id,
                           .sandbox_id = of.id,
                           .template_name = of.template_name,
                           .created_at = clock_(),
                           .size = {},
                           .file_name = {},
                           .policy = policy::to_toml(of.policy),
                           .name = std::move(name)};
  snapshot.file_name = snapshot.id;
  const std::string half = path_of(snapshot.id + std::string(kHalf));
  const std::string whole = path_of(snapshot.file_name);
  CO_TRY(const Fd file, sys::open(half, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  Unfinished unfinished(half);
  CO_TRY(snapshot.size.count, co_await write_state(sandbox, file.ref()));
  CO_TRY_VOID(co_await to_disk(file.ref()));
  if (std::rename(half.c_str(), whole.c_str()) != 0) co_return Error::last_system("name a snapshot");
  unfinished.moved_to(whole);
  CO_TRY(const Fd folder, sys::open(folder_, O_RDONLY | O_DIRECTORY));
  CO_TRY_VOID(co_await to_disk(folder.ref()));
  CO_TRY_VOID(store_.snapshots().insert(snapshot));
  unfinished.keep();
  co_return snapshot;
}

Result<store::Snapshot> Snapshots::find(const store::Key& key, std::string_view id) const {
  auto snapshot = store_.snapshots().get(id);
  if (!snapshot && snapshot.error().code() != Code::kNotFound) return std::move(snapshot).error();
  if (!snapshot || snapshot->key_id != key.id)
    return Error(Code::kNotFound, "there is no snapshot " + printable(id, 64));
  return snapshot;
}

Result<> Snapshots::remove(const store::Key& key, std::string_view id) {
  const store::Snapshot snapshot = TRY(find(key, id));
  TRY(store_.snapshots().remove(snapshot.id));
  const std::string path = path_of(snapshot.file_name);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::last_system("remove a snapshot's file");
  return {};
}

Task<Created> Snapshots::create_from(store::Key key, CreateRequest request, FdRef file) {
  CO_TRY(Created created, co_await sandboxes_.create(std::move(key), std::move(request)));
  std::uint64_t at = 0;
  auto filled = co_await unpack_state(created.sandbox,
                                      [file, &at](std::span<std::byte> buffer) { return read_at(file, at, buffer); });
  if (filled) co_return created;
  CO_TRY_VOID(co_await sandboxes_.kill(created.sandbox, "its state could not be restored"));
  co_return std::move(filled).error();
}

Task<Created> Snapshots::create(store::Key key, CreateRequest request, store::Snapshot snapshot) {
  request.snapshot_id = snapshot.id;
  request.template_name = snapshot.template_name;
  CO_TRY(const Fd file, sys::open(path_of(snapshot.file_name), O_RDONLY | O_NOFOLLOW));
  co_return co_await create_from(std::move(key), std::move(request), file.ref());
}

Task<Forked> Snapshots::fork(store::Key key, std::shared_ptr<Sandbox> parent, ForkRequest request) {
  // A file without a name: it goes with us, however we end.
  CO_TRY(const Fd file, sys::open(folder_, O_RDWR | O_TMPFILE, 0600));
  CO_TRY_VOID(co_await write_state(parent, file.ref()));
  const SandboxSpec& of = parent->spec();
  Forked forked;
  std::optional<Error> first_error;
  for (std::size_t i = 0; i < request.count; ++i) {
    auto child = co_await create_from(key,
                                      {.template_name = of.template_name,
                                       .policy = of.policy,
                                       .lifespan = parent->life().lifespan(),
                                       .metadata = merged(of.metadata, request.metadata),
                                       .parent_id = of.id,
                                       .snapshot_id = {},
                                       .fork_tree_id = request.tree_id,
                                       .request_id = {},
                                       .working_folder = of.working_folder},
                                      file.ref());
    if (child) {
      forked.children.push_back(*std::move(child));
      continue;
    }
    if (child.error().code() == Code::kCancelled) co_return std::move(child).error();
    forked.errors.push_back(child.error().message());
    if (!first_error) first_error = std::move(child).error();
  }
  if (forked.children.empty() && first_error) co_return *std::move(first_error);
  co_return forked;
}

Task<Promoted> Snapshots::promote(store::Key key, std::shared_ptr<Sandbox> winner, std::string tree_id) {
  Promoted promoted;
  for (const auto& sandbox : sandboxes_.of_key(key)) {
    if (sandbox == winner || sandbox->spec().fork_tree_id != tree_id) continue;
    auto killed = co_await sandboxes_.kill(sandbox, "its sibling was promoted");
    if (killed) promoted.deleted.push_back(sandbox->spec().id);
    else promoted.failures.emplace_back(sandbox->spec().id, killed.error().message());
  }
  co_return promoted;
}

}  // namespace brig::sandboxes
