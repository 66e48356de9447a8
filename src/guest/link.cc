#include "guest/link.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace brig::guest {
namespace {

std::uint8_t bit(Stream stream) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(stream)); }

bool is_file(Channel::Kind kind) { return kind != Channel::Kind::kExec; }

FileEntry entry_of(const Entry& message) {
  return {.path = std::string(message.path),
          .target = std::string(message.target),
          .type = static_cast<FileType>(message.file_type),
          .mode = message.mode,
          .size = Bytes{message.size},
          .allocated = Bytes{message.allocated},
          .mtime = std::chrono::nanoseconds(message.mtime_ns),
          .device = message.device};
}

std::chrono::microseconds microseconds(std::uint64_t count) {
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX)));
}

}  // namespace

Link::Link(asio::any_io_executor executor, StreamSocket socket)
    : executor_(std::move(executor)), socket_(std::move(socket)), ready_changed_(executor_), has_failed_(executor_),
      has_pending_(executor_), scratch_(std::make_unique_for_overwrite<std::byte[]>(kFrameMax)),
      input_(std::make_unique_for_overwrite<std::byte[]>(kFrameMax)) {}

Task<> Link::read_loop(std::shared_ptr<Link> link) {
  while (!link->failure_.has_value()) {
    const std::span<std::byte> room(link->input_.get() + link->input_end_, kFrameMax - link->input_end_);
    auto count = co_await link->socket_.read_some(room);
    if (!count.has_value()) {
      link->fail(std::move(count).error());
      break;
    }
    if (*count == 0) {
      link->fail(Error(Code::kUnavailable, "the agent in the sandbox has closed its channel"));
      break;
    }
    link->take(*count);
  }
  co_return Result<>();
}

Task<> Link::write_loop(std::shared_ptr<Link> link) {
  while (!link->failure_.has_value()) {
    if (link->pending_.empty()) {
      CO_TRY_VOID(co_await link->has_pending_.wait());
      continue;
    }
    std::swap(link->pending_, link->sending_);
    auto written = co_await link->socket_.write_all(link->sending_);
    if (!written.has_value()) {
      // The agent may have said why before it closed: the read loop hears the end as well, after what came before it.
      if (written.error().code() != Code::kUnavailable) link->fail(std::move(written).error());
      break;
    }
    link->sending_.clear();
  }
  co_return Result<>();
}

Task<> Link::wait_until_ready(std::shared_ptr<Link> link) {
  while (!link->is_ready_ && !link->failure_.has_value()) {
    CO_TRY_VOID(co_await link->ready_changed_.wait());
  }
  if (link->failure_.has_value()) co_return *link->failure_;
  co_return Result<>();
}

Task<> Link::wait_until_closed(std::shared_ptr<Link> link) {
  while (!link->failure_.has_value()) {
    CO_TRY_VOID(co_await link->has_failed_.wait());
  }
  co_return *link->failure_;
}

void Link::fail(Error error) {
  if (failure_.has_value()) return;
  failure_ = std::move(error);
  socket_.close();
  const auto channels = std::exchange(channels_, {});
  for (const auto& [id, channel] : channels) {
    if (!channel->error.has_value()) channel->error = *failure_;
    channel->is_over = true;
    channel->sink = nullptr;
    channel->changed.notify();
  }
  ready_changed_.notify();
  has_failed_.notify();
  has_pending_.notify();
}

void Link::broken(std::string_view what) {
  fail(Error(Code::kInternal, "the guest broke the protocol: " + std::string(what)));
}

Result<std::shared_ptr<Channel>> Link::open(Channel::Kind kind) {
  if (failure_.has_value()) return *failure_;
  const auto is_dial = [](const auto& entry) { return entry.second->kind == Channel::Kind::kDial; };
  if (kind == Channel::Kind::kDial && std::ranges::count_if(channels_, is_dial) >= kDialsMax)
    return Error(Code::kExhausted, "too many connections to ports of one sandbox at once");
  if (channels_.size() >= kChannelsMax || next_channel_ == UINT32_MAX) {
    return Error(Code::kExhausted, "too many operations at once in one sandbox");
  }
  auto channel = std::make_shared<Channel>(executor_, next_channel_++, kind);
  channels_.emplace(channel->id, channel);
  return channel;
}

void Link::close(Channel& channel) {
  channel.sink = nullptr;
  channel.bytes = nullptr;
  if (channel.is_over || channel.is_closing) return;
  channel.is_closing = true;
  channel.changed.notify();
  (void)send(Close{}, channel.id);  // of a failed link: nothing is open there any more
}

void Link::finish(Channel& channel) {
  channel.is_over = true;
  channel.changed.notify();
  channels_.erase(channel.id);
}

void Link::queue(std::span<const std::byte> bytes) {
  if (pending_.size() + bytes.size() > kPendingMax) return broken("it does not read what it is sent");
  const bool was_empty = pending_.empty();
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (was_empty) has_pending_.notify();
}

std::size_t Link::send_data(Channel& channel, std::span<const std::byte> bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && channel.credit > 0 && !failure_.has_value()) {
    const std::size_t length = std::min<std::size_t>({bytes.size() - sent, channel.credit, kPayloadMax});
    std::array<std::byte, kHeaderSize> header;
    encode_header({.length = static_cast<std::uint32_t>(length), .type = Type::kData, .channel = channel.id}, header);
    queue(header);
    queue(bytes.subspan(sent, length));
    channel.credit -= static_cast<std::uint32_t>(length);
    sent += length;
  }
  return sent;
}

void Link::send_end(Channel& channel) {
  channel.is_input_ended = true;
  std::array<std::byte, kHeaderSize> header;
  encode_header({.type = Type::kEnd, .channel = channel.id}, header);
  queue(header);
}

void Link::consumed(Channel& channel, std::size_t bytes) {
  BRIG_CHECK(bytes <= kWindow - channel.guest_credit - channel.taken, "more output was consumed than came");
  channel.taken += static_cast<std::uint32_t>(bytes);
  if (channel.taken < kWindow / 2 || channel.is_over) return;
  channel.guest_credit += channel.taken;
  (void)send(Window{.bytes = std::exchange(channel.taken, 0)}, channel.id);
}

void Link::take(std::size_t count) {
  input_end_ += count;
  while (!failure_.has_value() && input_end_ - input_begin_ >= kHeaderSize) {
    const std::span<const std::byte> input(input_.get() + input_begin_, input_end_ - input_begin_);
    const auto header = decode_header(input.first<kHeaderSize>());
    if (!header.has_value()) return broken(to_string(header.error()));
    if (input.size() < kHeaderSize + header->length) break;
    input_begin_ += kHeaderSize + header->length;
    on_frame(*header, input.subspan(kHeaderSize, header->length));
  }
  // What is left is less than a frame; at the front the rest of it has room.
  if (input_begin_ > 0) std::memmove(input_.get(), input_.get() + input_begin_, input_end_ - input_begin_);
  input_end_ -= std::exchange(input_begin_, 0);
}

void Link::on_frame(const Header& header, std::span<const std::byte> payload) {
  if (header.channel == 0) return on_hello(header, payload);
  if (!is_ready_) return broken("it spoke before it answered the handshake");
  const auto found = channels_.find(header.channel);
  if (found == channels_.end()) return broken("a message for an operation that nobody asked for");
  const std::shared_ptr<Channel> channel = found->second;  // stays while the frame is handled, whatever it ends
  on_channel_frame(channel, header, payload);
}

void Link::on_hello(const Header& header, std::span<const std::byte> payload) {
  const auto ack = decode<HelloAck>(header, payload);
  if (!ack.has_value()) return broken(to_string(ack.error()));
  if (is_ready_) return broken("it answered the handshake twice");
  if (ack->version != kProtocolVersion) {
    return fail(Error(Code::kUnsupported, "the agent in the sandbox speaks version " + std::to_string(ack->version) +
                                              " of the guest protocol, this program speaks " +
                                              std::to_string(kProtocolVersion)));
  }
  is_ready_ = true;
  features_ = ack->features;
  ready_changed_.notify();
}

void Link::on_channel_frame(const std::shared_ptr<Channel>& channel, const Header& header,
                            std::span<const std::byte> payload) {
  const auto decoded = [&]<class Message>(auto&& handle) {
    const auto message = decode<Message>(header, payload);
    if (!message.has_value()) return broken(to_string(message.error()));
    handle(*message);
  };
  Channel& at = *channel;
  switch (header.type) {
    case Type::kData: return on_data(at, header, payload);
    case Type::kEnd: return on_end(at, header, payload);
    case Type::kWindow: return decoded.operator()<Window>([&](const Window& m) { on_window(at, m); });
    case Type::kStarted: return decoded.operator()<Started>([&](const Started& m) { on_started(at, m); });
    case Type::kExited: return decoded.operator()<Exited>([&](const Exited& m) { on_exited(at, m); });
    case Type::kFailed: return decoded.operator()<Failed>([&](const Failed& m) { on_failed(at, m); });
    case Type::kEntry: return decoded.operator()<Entry>([&](const Entry& m) { on_entry(at, m, payload.size()); });
    case Type::kDone: return decoded.operator()<Done>([&](const Done& m) { on_done(at, m); });
    case Type::kClosed: return decoded.operator()<Closed>([&](const Closed&) { on_closed(at); });
    case Type::kConnected:
      return decoded.operator()<Connected>([&](const Connected&) { on_opened(at, Channel::Kind::kDial); });
    case Type::kWatching:
      return decoded.operator()<Watching>([&](const Watching&) { on_opened(at, Channel::Kind::kWatch); });
    case Type::kPort: return decoded.operator()<Port>([&](const Port& m) { on_port(at, m); });
    case Type::kChange: return decoded.operator()<Change>([&](const Change& m) { on_change(at, m, payload.size()); });
    default: return broken("a message that only the host may send");
  }
}

bool Link::charge(Channel& channel, std::size_t size) {
  if (size > channel.guest_credit) {
    broken("more bytes than it was given credit for");
    return false;
  }
  channel.guest_credit -= static_cast<std::uint32_t>(size);
  return true;
}

void Link::on_data(Channel& channel, const Header& header, std::span<const std::byte> payload) {
  if (payload.empty()) return broken("data without bytes");
  if (channel.kind == Channel::Kind::kExec) {
    if ((channel.open_streams & bit(header.stream)) == 0 || channel.pid == 0)
      return broken("output on a closed stream");
    if (!charge(channel, payload.size())) return;
    if (channel.sink != nullptr) channel.sink->on_output(header.stream, payload);
    // Without a sink nobody will say that it was consumed.
    if (channel.flow == Credit::kAutomatic || channel.sink == nullptr) consumed(channel, payload.size());
    return;
  }
  if (channel.kind == Channel::Kind::kDial) return on_dial_data(channel, header, payload);
  if (channel.kind != Channel::Kind::kRead || header.stream != Stream::kFile) return broken("data in the wrong place");
  if (!charge(channel, payload.size())) return;
  if (payload.size() > channel.limit - channel.received) return broken("more of a file than was asked for");
  channel.received += payload.size();
  if (channel.bytes) {
    auto handled = channel.bytes(payload);
    if (!handled.has_value()) {
      channel.bytes = nullptr;
      channel.error = std::move(handled).error();
      channel.changed.notify();
    }
  }
  consumed(channel, payload.size());
}

void Link::on_dial_data(Channel& channel, const Header& header, std::span<const std::byte> payload) {
  if (!channel.is_open || (channel.open_streams & bit(header.stream)) == 0)
    return broken("bytes of a connection that is not open");
  if (!charge(channel, payload.size())) return;
  if (channel.is_closing) return consumed(channel, payload.size());
  if (channel.inbox_begin > 0) {  // the window bounds what there is; moving it now and then bounds the room it takes
    channel.inbox.erase(channel.inbox.begin(),
                        channel.inbox.begin() + static_cast<std::ptrdiff_t>(channel.inbox_begin));
    channel.inbox_begin = 0;
  }
  channel.inbox.insert(channel.inbox.end(), payload.begin(), payload.end());
  channel.changed.notify();
}

void Link::on_opened(Channel& channel, Channel::Kind kind) {
  if (channel.kind != kind || channel.is_open) return broken("something opens that nobody asked for");
  channel.is_open = true;
  channel.changed.notify();
}

void Link::on_port(Channel& channel, const Port& message) {
  if (channel.kind != Channel::Kind::kPorts) return broken("a port that nobody asked for");
  if (channel.ports.size() >= kPortsMax || (!channel.ports.empty() && channel.ports.back() >= message.port))
    return broken("ports out of order");
  channel.ports.push_back(message.port);
}

void Link::on_change(Channel& channel, const Change& message, std::size_t size) {
  if (channel.kind != Channel::Kind::kWatch || !channel.is_open) return broken("a change that nobody asked for");
  const std::size_t cost = size + kChangeCost;
  if (!charge(channel, cost)) return;
  if (channel.is_closing) return consumed(channel, cost);
  channel.changes.push_back({.change = {.kind = static_cast<ChangeKind>(message.kind),
                                        .is_folder = (message.flags & Change::kFolder) != 0,
                                        .path = std::string(message.path),
                                        .from = std::string(message.from)},
                             .cost = cost});
  channel.changed.notify();
}

void Link::on_end(Channel& channel, const Header& header, std::span<const std::byte> payload) {
  if (!payload.empty()) return broken(to_string(WireError::kTrailing));
  const bool has_begun = channel.pid != 0 || channel.is_open;
  if ((channel.open_streams & bit(header.stream)) == 0 || !has_begun) return broken("the end of a closed stream");
  channel.open_streams = static_cast<std::uint8_t>(channel.open_streams & ~bit(header.stream));
  if (channel.sink != nullptr) channel.sink->on_end(header.stream);
  channel.changed.notify();
  if (channel.end.has_value() && channel.open_streams == 0) finish(channel);
}

void Link::on_window(Channel& channel, const Window& message) {
  const bool takes_data = channel.kind == Channel::Kind::kExec || channel.kind == Channel::Kind::kWrite ||
                          channel.kind == Channel::Kind::kDial;
  if (!takes_data || message.bytes > kWindowMax - channel.credit) return broken("credit that cannot be");
  channel.credit += message.bytes;
  channel.changed.notify();
}

void Link::on_started(Channel& channel, const Started& message) {
  if (channel.kind != Channel::Kind::kExec || channel.pid != 0) return broken("a command that starts twice");
  channel.pid = message.pid;
  channel.changed.notify();
}

void Link::on_exited(Channel& channel, const Exited& message) {
  if (channel.kind != Channel::Kind::kExec || channel.pid == 0)
    return broken("the end of a command that has not started");
  if (channel.end.has_value()) return broken("a command that ends twice");
  const bool is_signalled = (message.flags & Exited::kSignalled) != 0;
  if (is_signalled && (message.value < 1 || message.value > 64)) return broken("a signal that does not exist");
  channel.end = ProcessEnd{.is_signalled = is_signalled,
                           .value = message.value,
                           .cpu_user = microseconds(message.user_us),
                           .cpu_system = microseconds(message.system_us),
                           .max_rss = Bytes{message.max_rss},
                           .is_timed_out = (message.flags & Exited::kTimedOut) != 0,
                           .is_disk_full = (message.flags & Exited::kDiskFull) != 0};
  channel.changed.notify();
  if (channel.open_streams == 0) finish(channel);
}

void Link::on_failed(Channel& channel, const Failed& message) {
  if (channel.kind == Channel::Kind::kExec && channel.pid != 0) return broken("a started command that fails to start");
  if (!channel.error.has_value()) {
    channel.error = Error::system(message.os_error,
                                  "in the sandbox" + (message.text.empty() ? "" : ": " + printable(message.text)));
  }
  finish(channel);
}

void Link::on_entry(Channel& channel, const Entry& message, std::size_t size) {
  const bool is_listing = channel.kind == Channel::Kind::kList;
  if (!is_listing && channel.kind != Channel::Kind::kStat) return broken("a file that nobody asked for");
  if (!charge(channel, size)) return;
  channel.listed_bytes += size;
  if (channel.listing.entries.size() >= channel.limit || channel.listed_bytes > kListBytesMax) {
    return broken("more files than were asked for");
  }
  channel.listing.entries.push_back(entry_of(message));
  consumed(channel, size);
}

void Link::on_done(Channel& channel, const Done& message) {
  if (!is_file(channel.kind)) return broken("a command that is done like a file");
  if (channel.kind == Channel::Kind::kWrite && !channel.is_input_ended)
    return broken("a file that is done before its end");
  if (channel.kind == Channel::Kind::kStat && channel.listing.entries.size() != 1)
    return broken("an answer without a file");
  if (channel.kind == Channel::Kind::kDial && (!channel.is_open || channel.open_streams != 0))
    return broken("a connection that is done before its end");
  if (channel.kind == Channel::Kind::kWatch && !channel.is_open) return broken("a watch that is done before it began");
  channel.listing.is_truncated = (message.flags & Done::kTruncated) != 0;
  finish(channel);
}

void Link::on_closed(Channel& channel) {
  if (!channel.is_closing) return broken("it closed what nobody asked it to close");
  finish(channel);
}

}  // namespace brig::guest
