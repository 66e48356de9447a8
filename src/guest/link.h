#pragma once
/// Link: what a Session, its two loops and its Processes share: the socket, the frames under way, and the open
/// channels.
///
/// Internal to guest/. Everything the guest sends is judged here, against the state of the channel that it names; the
/// first frame that may not come fails the whole link. Shared by the Session, its read and write loop and every
/// operation still held, because each may be the last to go; the Session's end fails the link, after which nobody
/// waits.
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/notifier.h"
#include "async/stream.h"
#include "guest/file_messages.h"
#include "guest/messages.h"
#include "guest/session.h"

namespace brig::guest {

/// The host's end of one operation.
struct Channel {
  enum class Kind : std::uint8_t { kExec, kWrite, kRead, kList, kStat, kSimple, kDial, kPorts, kWatch };

  Channel(const asio::any_io_executor& executor, std::uint32_t number, Kind what)
      : id(number), kind(what), credit(what == Kind::kExec || what == Kind::kDial ? kStdinWindow : kWindow),
        changed(executor) {}

  std::uint32_t id;
  Kind kind;
  bool is_over = false;     ///< the guest will send nothing more
  bool is_closing = false;  ///< Close is under way: what still comes is checked and dropped
  bool is_input_ended = false;
  std::optional<Error> error;  ///< Failed, or the link's failure
  std::uint32_t credit;        ///< what we may send
  std::uint32_t guest_credit = kWindow;
  std::uint32_t taken = 0;  ///< consumed here and not granted again yet
  Notifier changed;

  // a command
  OutputSink* sink = nullptr;
  Credit flow = Credit::kAutomatic;
  std::uint8_t open_streams = 0;  ///< bit (1 << Stream)
  std::uint32_t pid = 0;          ///< 0 until Started
  std::optional<ProcessEnd> end;

  // a connection or a watch
  bool is_open = false;          ///< Connected, Watching
  std::vector<std::byte> inbox;  ///< not read yet
  std::size_t inbox_begin = 0;
  struct Waiting {
    FileChange change;
    std::size_t cost;
  };
  std::deque<Waiting> changes;
  std::vector<std::uint16_t> ports;

  // a file
  ByteSink bytes;
  std::uint64_t received = 0;
  std::uint64_t limit = 0;
  Listing listing;
  std::size_t listed_bytes = 0;
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(asio::any_io_executor executor, StreamSocket socket);

  static Task<> read_loop(std::shared_ptr<Link> link);
  static Task<> write_loop(std::shared_ptr<Link> link);
  static Task<> wait_until_ready(std::shared_ptr<Link> link);
  /// Ends with what failed the link.
  static Task<> wait_until_closed(std::shared_ptr<Link> link);

  /// Ends everything with `error`. The first call counts.
  void fail(Error error);

  /// HelloAck::features; none before it is ready.
  [[nodiscard]] std::uint32_t features() const { return features_; }
  /// A new channel, or kExhausted if too many are open, or why the link has failed.
  Result<std::shared_ptr<Channel>> open(Channel::Kind kind);
  /// Tells the guest to forget the channel, unless it is over.
  void close(Channel& channel);

  /// Takes back an open() of which the guest has not heard.
  void forget(Channel& channel) { finish(channel); }

  template <class Message>
  Result<> send(const Message& message, std::uint32_t channel) {
    if (failure_.has_value()) return *failure_;
    const auto length = encode(message, channel, std::span(scratch_.get(), kFrameMax));
    if (!length.has_value()) {
      return Error(Code::kInvalidArgument,
                   std::string("the request cannot be sent: ") + std::string(to_string(length.error())));
    }
    queue(std::span(scratch_.get(), *length));
    return {};
  }
  /// Sends as much of `bytes` as the channel has credit for; how much that was.
  std::size_t send_data(Channel& channel, std::span<const std::byte> bytes);
  void send_end(Channel& channel);
  /// `bytes` of what the guest sent were dealt with: gives credit back, in big portions.
  void consumed(Channel& channel, std::size_t bytes);

 private:
  static constexpr std::size_t kFrameMax = kHeaderSize + kPayloadMax;
  /// More than all windows together: a guest that does not read is not worth more memory.
  static constexpr std::size_t kPendingMax = std::size_t{kChannelsMax} * kWindow + (1 << 20);

  void queue(std::span<const std::byte> bytes);
  void take(std::size_t count);
  void broken(std::string_view what);
  void on_frame(const Header& header, std::span<const std::byte> payload);
  void on_hello(const Header& header, std::span<const std::byte> payload);
  void on_channel_frame(const std::shared_ptr<Channel>& channel, const Header& header,
                        std::span<const std::byte> payload);
  void on_data(Channel& channel, const Header& header, std::span<const std::byte> payload);
  void on_end(Channel& channel, const Header& header, std::span<const std::byte> payload);
  void on_window(Channel& channel, const Window& message);
  void on_started(Channel& channel, const Started& message);
  void on_exited(Channel& channel, const Exited& message);
  void on_failed(Channel& channel, const Failed& message);
  void on_entry(Channel& channel, const Entry& message, std::size_t size);
  void on_done(Channel& channel, const Done& message);
  void on_closed(Channel& channel);
  void on_opened(Channel& channel, Channel::Kind kind);
  void on_port(Channel& channel, const Port& message);
  void on_change(Channel& channel, const Change& message, std::size_t size);
  void on_dial_data(Channel& channel, const Header& header, std::span<const std::byte> payload);
  /// Takes `size` off the guest's credit; false (and the link broken) if it has not so much.
  bool charge(Channel& channel, std::size_t size);
  void finish(Channel& channel);

  asio::any_io_executor executor_;
  StreamSocket socket_;
  std::optional<Error> failure_;
  bool is_ready_ = false;
  std::uint32_t features_ = 0;
  Notifier ready_changed_;
  Notifier has_failed_;
  Notifier has_pending_;
  std::uint32_t next_channel_ = 1;
  std::unordered_map<std::uint32_t, std::shared_ptr<Channel>> channels_;
  std::vector<std::byte> pending_;  ///< encoded and not handed to the socket yet
  std::vector<std::byte> sending_;
  std::unique_ptr<std::byte[]> scratch_;
  std::unique_ptr<std::byte[]> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
};

}  // namespace brig::guest
