#pragma once
/// FakeSession: a guest in memory, as hostile as a test likes. What a test does not need answers kUnsupported.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "guest/session.h"

namespace brig::service::testing {

class FakeSession : public guest::Session {
 public:
  guest::Listing listing;
  std::uint64_t device = 1;
  std::map<std::string, std::string> contents;  ///< by absolute path
  int read_errno = 0;                           ///< every read fails with it
  bool is_gone = false;                         ///< the channel is lost

  void add(std::string path, std::string text, guest::FileType type = guest::FileType::kRegular,
           std::uint16_t mode = 0644) {
    listing.entries.push_back({.path = path, .type = type, .mode = mode, .size = Bytes{text.size()}, .device = device});
    contents["/workspace/" + path] = std::move(text);
  }

  Task<> closed() override { co_return Error(Code::kUnavailable, "over"); }
  Task<> ready() override { return answer<void>({}); }
  Task<std::unique_ptr<guest::Process>> exec(guest::ExecRequest, guest::OutputSink&) override {
    return answer<std::unique_ptr<guest::Process>>(unsupported());
  }
  Task<> write_file(GuestPath, std::span<const std::byte>, guest::WriteOptions) override {
    return answer<void>(unsupported());
  }
  Task<> write_file(GuestPath, guest::ByteSource, guest::WriteOptions) override { return answer<void>(unsupported()); }
  Task<std::uint64_t> read_file(GuestPath path, std::uint64_t offset, std::uint64_t limit,
                                guest::ByteSink sink) override {
    return answer<std::uint64_t>(read(path, offset, limit, sink));
  }
  Task<guest::Listing> list(guest::ListRequest) override {
    return is_gone ? answer<guest::Listing>(gone()) : answer<guest::Listing>(listing);
  }
  Task<guest::FileEntry> stat(GuestPath) override {
    return answer<guest::FileEntry>(guest::FileEntry{.type = guest::FileType::kFolder, .device = device});
  }
  Task<> make_dir(GuestPath, std::uint16_t, bool) override { return answer<void>(unsupported()); }
  Task<> move(GuestPath, GuestPath) override { return answer<void>(unsupported()); }
  Task<> remove(GuestPath, bool) override { return answer<void>(unsupported()); }
  Task<> chmod(GuestPath, std::uint16_t) override { return answer<void>(unsupported()); }
  Task<std::unique_ptr<guest::Watcher>> watch(GuestPath, bool) override {
    return answer<std::unique_ptr<guest::Watcher>>(unsupported());
  }
  Task<std::unique_ptr<guest::Connection>> dial(std::uint16_t) override {
    return answer<std::unique_ptr<guest::Connection>>(unsupported());
  }
  Task<std::vector<std::uint16_t>> listening_ports() override {
    return answer<std::vector<std::uint16_t>>(unsupported());
  }
  void stop() override {}

 private:
  static Error unsupported() { return {Code::kUnsupported, "not in this fake"}; }
  static Error gone() { return {Code::kUnavailable, "the guest is gone"}; }
  template <class T>
  static Task<T> answer(Result<T> value) {
    co_return value;
  }
  template <class T>
    requires std::is_move_constructible_v<T> && (!std::is_copy_constructible_v<T>)
  static Task<T> answer(Result<T> value) {
    co_return std::move(value);
  }

  Result<std::uint64_t> read(const GuestPath& path, std::uint64_t offset, std::uint64_t limit,
                             const guest::ByteSink& sink) {
    if (is_gone) return gone();
    if (read_errno != 0) return Error::system(read_errno, "read");
    const auto found = contents.find(path.text());
    if (found == contents.end()) return Error::system(ENOENT, "open");
    const std::string text = found->second.substr(std::min<std::size_t>(offset, found->second.size()), limit);
    TRY(sink(std::as_bytes(std::span(text))));
    return text.size();
  }
};

}  // namespace brig::service::testing
