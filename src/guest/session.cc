#include "guest/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "async/task_group.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "base/text.h"
#include "guest/link.h"

namespace brig::guest {
namespace {

/// Holds one channel; the guest is told to forget it when this goes before the channel is over.
class Operation {
 public:
  Operation(std::shared_ptr<Link> link, std::shared_ptr<Channel> channel)
      : link_(std::move(link)), channel_(std::move(channel)) {}
  Operation(Operation&&) = default;
  Operation& operator=(Operation&&) = delete;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() {
    if (channel_ != nullptr) link_->close(*channel_);
  }
  [[nodiscard]] Link& link() const { return *link_; }
  [[nodiscard]] Channel& channel() const { return *channel_; }
  [[nodiscard]] std::shared_ptr<Link> shared_link() const { return link_; }
  [[nodiscard]] std::shared_ptr<Channel> shared_channel() const { return channel_; }

 private:
  std::shared_ptr<Link> link_;
  std::shared_ptr<Channel> channel_;
};

// The tasks below hold shared pointers, not Sessions or Processes, so that these may go while somebody waits.

Task<> wait_until_over(std::shared_ptr<Channel> channel) {
  while (!channel->is_over && !channel->error.has_value()) {
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  if (channel->error.has_value()) co_return *channel->error;
  co_return Result<>();
}

Task<> finish_simple(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  auto over = co_await wait_until_over(operation->shared_channel());
  co_return std::move(over).context(doing);
}

/// The next of `left`, which then begins after it.
Task<std::size_t> take_some(std::span<const std::byte>& left, std::span<std::byte> buffer) {
  const std::size_t length = std::min(left.size(), buffer.size());
  std::memcpy(buffer.data(), left.data(), length);
  left = left.subspan(length);
  co_return length;
}

/// Sends what `source` gives while there is credit, then the end, then waits for the answer.
Task<> finish_write(Result<Operation> operation, ByteSource source, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  const std::shared_ptr<Channel> channel = operation->shared_channel();
  std::vector<std::byte> buffer(source ? kPayloadMax : 0);
  while (source && !channel->is_over && !channel->error.has_value()) {
    CO_TRY(const std::size_t length, co_await source(buffer));
    if (length == 0) break;
    std::size_t sent = 0;
    while (sent < length && !channel->is_over) {
      sent += operation->link().send_data(*channel, std::span(buffer).subspan(sent, length - sent));
      if (sent < length && !channel->is_over) CO_TRY_VOID(co_await channel->changed.wait());
    }
  }
  if (!channel->is_over && !channel->is_input_ended) operation->link().send_end(*channel);
  auto over = co_await wait_until_over(channel);
  co_return std::move(over).context(doing);
}

Task<std::uint64_t> finish_read(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  auto over = co_await wait_until_over(operation->shared_channel());
  if (!over.has_value()) co_return std::move(over).error().context(doing);
  co_return operation->channel().received;
}

Task<Listing> finish_list(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  auto over = co_await wait_until_over(operation->shared_channel());
  if (!over.has_value()) co_return std::move(over).error().context(doing);
  co_return std::move(operation->channel().listing);
}

Task<FileEntry> finish_stat(Result<Operation> operation, std::string doing) {
  CO_TRY(Listing listing, co_await finish_list(std::move(operation), std::move(doing)));
  co_return std::move(listing.entries.front());  // Link has checked that there is exactly one
}

Task<ProcessEnd> wait_for_end(std::shared_ptr<Channel> channel) {
  while (!channel->end.has_value() && !channel->is_over) {
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  if (channel->end.has_value()) co_return *channel->end;
  co_return channel->error.value_or(Error(Code::kCancelled, "the command was closed"));
}

Task<> wait_for_streams(std::shared_ptr<Channel> channel) {
  while (channel->open_streams != 0 && !channel->is_over) {
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  if (channel->open_streams != 0) co_return channel->error.value_or(Error(Code::kCancelled, "the command was closed"));
  co_return Result<>();
}

Task<bool> drain_within(std::shared_ptr<Channel> channel, Milliseconds grace) {
  if (channel->open_streams == 0) co_return true;
  auto drained = co_await with_timeout(grace, wait_for_streams(channel), "waiting for output");
  if (drained.has_value()) co_return true;
  if (drained.error().code() == Code::kDeadline) co_return false;
  co_return std::move(drained).error();
}

Task<> send_stdin(std::shared_ptr<Link> link, std::shared_ptr<Channel> channel, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (channel->error.has_value()) co_return *channel->error;
    if (channel->is_input_ended) co_return Error(Code::kInvalidArgument, "the command has no standard input");
    if (channel->end.has_value() || channel->is_over) co_return Error(Code::kUnavailable, "the program has ended");
    const std::size_t sent = link->send_data(*channel, bytes);
    bytes = bytes.subspan(sent);
    if (!bytes.empty() && sent == 0) CO_TRY_VOID(co_await channel->changed.wait());
  }
  co_return Result<>();
}

Task<std::size_t> receive(std::shared_ptr<Link> link, std::shared_ptr<Channel> channel, std::span<std::byte> buffer) {
  while (channel->inbox_begin == channel->inbox.size()) {
    if (channel->is_closing) co_return Error(Code::kCancelled, "the connection was closed");
    if (channel->error.has_value()) co_return *channel->error;
    if (channel->open_streams == 0) co_return std::size_t{0};
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  const std::size_t count = std::min(buffer.size(), channel->inbox.size() - channel->inbox_begin);
  std::memcpy(buffer.data(), channel->inbox.data() + channel->inbox_begin, count);
  channel->inbox_begin += count;
  if (channel->inbox_begin == channel->inbox.size()) {
    channel->inbox.clear();
    channel->inbox_begin = 0;
  }
  link->consumed(*channel, count);
  co_return count;
}

Task<> send_all(std::shared_ptr<Link> link, std::shared_ptr<Channel> channel, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (channel->is_closing) co_return Error(Code::kCancelled, "the connection was closed");
    if (channel->error.has_value()) co_return *channel->error;
    if (channel->is_input_ended) co_return Error(Code::kInvalidArgument, "the end was said already");
    if (channel->is_over) co_return Error(Code::kUnavailable, "the program has closed the connection");
    const std::size_t sent = link->send_data(*channel, bytes);
    bytes = bytes.subspan(sent);
    if (!bytes.empty() && sent == 0) CO_TRY_VOID(co_await channel->changed.wait());
  }
  co_return Result<>();
}

class ConnectionOnLink final : public Connection {
 public:
  explicit ConnectionOnLink(Operation operation) : operation_(std::move(operation)) {}

  Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    return receive(operation_.shared_link(), operation_.shared_channel(), buffer);
  }
  Task<> write_all(std::span<const std::byte> bytes) override {
    return send_all(operation_.shared_link(), operation_.shared_channel(), bytes);
  }
  Result<> shutdown_write() override {
    Channel& channel = operation_.channel();
    if (channel.error.has_value()) return *channel.error;
    if (!channel.is_input_ended && !channel.is_over && !channel.is_closing) operation_.link().send_end(channel);
    return {};
  }
  void close() override {
    operation_.link().close(operation_.channel());
    operation_.channel().is_closing = true;  // also when it was over: whoever reads on has closed it
  }

 private:
  Operation operation_;
};

Task<> wait_until_open(std::shared_ptr<Channel> channel) {
  while (!channel->is_open && !channel->is_over) {
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  if (channel->is_open) co_return Result<>();
  co_return channel->error.value_or(Error(Code::kInternal, "no answer"));
}

Task<std::unique_ptr<Connection>> finish_dial(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  auto opened = co_await wait_until_open(operation->shared_channel());
  if (!opened.has_value()) co_return std::move(opened).error().context(doing);
  std::unique_ptr<Connection> connection = std::make_unique<ConnectionOnLink>(*std::move(operation));
  co_return connection;
}

Task<std::optional<FileChange>> next_change(std::shared_ptr<Link> link, std::shared_ptr<Channel> channel) {
  while (channel->changes.empty()) {
    if (channel->is_closing) co_return Error(Code::kCancelled, "the watch was ended");
    if (channel->error.has_value()) co_return *channel->error;
    if (channel->is_over) co_return std::optional<FileChange>();
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  Channel::Waiting next = std::move(channel->changes.front());
  channel->changes.pop_front();
  link->consumed(*channel, next.cost);
  co_return std::optional<FileChange>(std::move(next.change));
}

class WatcherOnLink final : public Watcher {
 public:
  explicit WatcherOnLink(Operation operation) : operation_(std::move(operation)) {}
  Task<std::optional<FileChange>> next() override {
    return next_change(operation_.shared_link(), operation_.shared_channel());
  }

 private:
  Operation operation_;
};

Task<std::unique_ptr<Watcher>> finish_watch(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  auto opened = co_await wait_until_open(operation->shared_channel());
  if (!opened.has_value()) co_return std::move(opened).error().context(doing);
  std::unique_ptr<Watcher> watcher = std::make_unique<WatcherOnLink>(*std::move(operation));
  co_return watcher;
}

Task<std::vector<std::uint16_t>> finish_ports(Result<Operation> operation) {
  if (!operation.has_value()) co_return std::move(operation).error();
  auto over = co_await wait_until_over(operation->shared_channel());
  if (!over.has_value()) co_return std::move(over).error().context("ask for open ports");
  co_return std::move(operation->channel().ports);
}

class ProcessOnLink final : public Process {
 public:
  explicit ProcessOnLink(Operation operation) : operation_(std::move(operation)) {}

  [[nodiscard]] std::uint32_t pid() const override { return at().pid; }
  [[nodiscard]] std::uint32_t channel() const override { return at().id; }

  Task<> write_stdin(std::span<const std::byte> bytes) override {
    return send_stdin(operation_.shared_link(), operation_.shared_channel(), bytes);
  }
  Result<> close_stdin() override {
    if (at().error.has_value()) return *at().error;
    if (!at().is_input_ended && !at().is_over) operation_.link().send_end(at());
    return {};
  }
  Result<> signal(int number) override {
    if (number < 1 || number > 64) return Error(Code::kInvalidArgument, "there is no signal " + std::to_string(number));
    return send(Signal{.number = static_cast<std::uint8_t>(number)});
  }
  Result<> resize(TerminalSize size) override { return send(Resize{.rows = size.rows, .columns = size.columns}); }
  void consumed(std::size_t bytes) override { operation_.link().consumed(at(), bytes); }
  Task<ProcessEnd> wait() override { return wait_for_end(operation_.shared_channel()); }
  Task<bool> drain(Milliseconds grace) override { return drain_within(operation_.shared_channel(), grace); }

 private:
  [[nodiscard]] Channel& at() const { return operation_.channel(); }
  template <class Message>
  Result<> send(const Message& message) {
    if (at().error.has_value()) return *at().error;
    if (at().is_over || at().end.has_value()) return {};  // nobody is there to be told
    return operation_.link().send(message, at().id);
  }

  Operation operation_;
};

Task<std::unique_ptr<Process>> finish_exec(Result<Operation> operation, std::string doing) {
  if (!operation.has_value()) co_return std::move(operation).error().context(doing);
  const std::shared_ptr<Channel> channel = operation->shared_channel();
  while (channel->pid == 0 && !channel->is_over) {
    CO_TRY_VOID(co_await channel->changed.wait());
  }
  if (channel->pid == 0 || (channel->error.has_value() && !channel->end.has_value())) {
    co_return channel->error.value_or(Error(Code::kInternal, "no answer")).context(doing);
  }
  std::unique_ptr<Process> process = std::make_unique<ProcessOnLink>(*std::move(operation));
  co_return process;
}

class SessionOnLink final : public Session {
 public:
  SessionOnLink(const asio::any_io_executor& executor, std::shared_ptr<Link> link)
      : link_(std::move(link)), loops_(executor, [link = link_.get()](const Error& error) { link->fail(error); }) {
    (void)link_->send(Hello{}, 0);  // nothing can be wrong with it, and a dead socket shows in the loops
    loops_.spawn(Link::read_loop(link_));
    loops_.spawn(Link::write_loop(link_));
  }
  SessionOnLink(const SessionOnLink&) = delete;
  SessionOnLink& operator=(const SessionOnLink&) = delete;
  ~SessionOnLink() override { link_->fail(Error(Code::kCancelled, "the session was closed")); }

  Task<> ready() override { return Link::wait_until_ready(link_); }
  Task<> closed() override { return Link::wait_until_closed(link_); }
  [[nodiscard]] bool may_fork() const override { return (link_->features() & HelloAck::kForks) != 0; }

  Task<std::unique_ptr<Process>> exec(ExecRequest request, OutputSink& sink) override;
  Task<> write_file(GuestPath path, std::span<const std::byte> contents, WriteOptions options) override;
  Task<> write_file(GuestPath path, ByteSource source, WriteOptions options) override;
  Task<std::uint64_t> read_file(GuestPath path, std::uint64_t offset, std::uint64_t limit, ByteSink sink) override;
  Task<Listing> list(ListRequest request) override;

  Task<FileEntry> stat(GuestPath path) override {
    auto operation = start(Channel::Kind::kStat, Stat{.path = path.text()});
    if (operation.has_value()) operation->channel().limit = 1;
    return finish_stat(std::move(operation), "stat " + path.text());
  }
  Task<> make_dir(GuestPath path, std::uint16_t mode, bool with_parents) override {
    const std::uint8_t flags = with_parents ? MakeDir::kCreateParents : std::uint8_t{0};
    return finish_simple(start(Channel::Kind::kSimple, MakeDir{.flags = flags, .mode = mode, .path = path.text()}),
                         "make folder " + path.text());
  }
  Task<> move(GuestPath from, GuestPath to) override {
    return finish_simple(start(Channel::Kind::kSimple, Move{.from = from.text(), .to = to.text()}),
                         "move " + from.text());
  }
  Task<> remove(GuestPath path, bool is_recursive) override {
    const std::uint8_t flags = is_recursive ? Remove::kRecursive : std::uint8_t{0};
    return finish_simple(start(Channel::Kind::kSimple, Remove{.flags = flags, .path = path.text()}),
                         "remove " + path.text());
  }
  Task<> chmod(GuestPath path, std::uint16_t mode) override {
    return finish_simple(start(Channel::Kind::kSimple, Chmod{.mode = mode, .path = path.text()}),
                         "change mode of " + path.text());
  }
  Task<std::unique_ptr<Watcher>> watch(GuestPath path, bool is_recursive) override {
    const std::uint8_t flags = is_recursive ? Watch::kRecursive : std::uint8_t{0};
    return finish_watch(start(Channel::Kind::kWatch, Watch{.flags = flags, .path = path.text()}),
                        "watch " + path.text());
  }
  Task<std::unique_ptr<Connection>> dial(std::uint16_t port) override {
    auto operation = start(Channel::Kind::kDial, Dial{.port = port});
    if (operation.has_value()) operation->channel().open_streams = 1U << static_cast<unsigned>(Stream::kOut);
    return finish_dial(std::move(operation), "connect to port " + std::to_string(port));
  }
  Task<std::vector<std::uint16_t>> listening_ports() override {
    return finish_ports(start(Channel::Kind::kPorts, ListPorts{}));
  }
  void stop() override { (void)link_->send(Stop{}, 0); }

 private:
  /// Opens a channel and queues its first message.
  template <class Message>
  Result<Operation> start(Channel::Kind kind, const Message& message) {
    auto channel = TRY(link_->open(kind));
    auto sent = link_->send(message, channel->id);
    if (!sent.has_value()) {
      link_->forget(*channel);
      return std::move(sent).error();
    }
    return Operation(link_, std::move(channel));
  }
  Result<Operation> start_exec(const ExecRequest& request, OutputSink& sink);
  Result<Operation> start_write(const GuestPath& path, WriteOptions options) {
    const unsigned flags = (options.creates_parents ? WriteFile::kCreateParents : 0U) |
                           (options.is_exclusive ? WriteFile::kExclusive : 0U);
    return start(Channel::Kind::kWrite,
                 WriteFile{.flags = static_cast<std::uint8_t>(flags), .mode = options.mode, .path = path.text()});
  }

  std::shared_ptr<Link> link_;
  TaskGroup loops_;
};

/// `texts` as a StringList in `buffer`.
Result<StringList> encode_strings(const std::vector<std::string>& texts, std::span<std::byte> buffer) {
  StringListWriter writer(buffer);
  for (const std::string& text : texts) {
    if (!writer.add(text)) {
      return Error(Code::kInvalidArgument,
                   "the arguments and the environment contain NUL or are longer than 64 KiB together");
    }
  }
  return writer.list();
}

Result<Operation> SessionOnLink::start_exec(const ExecRequest& request, OutputSink& sink) {
  if (request.argv.empty()) return Error(Code::kInvalidArgument, "there is no program to run");
  if (request.timeout.count() < 0 || request.timeout.count() > UINT32_MAX)
    return Error(Code::kInvalidArgument, "a command cannot have " + format(request.timeout) + " to run");
  if ((request.is_zygote || request.zygote != 0) && !may_fork())
    return Error(Code::kUnsupported, "the agent in the sandbox cannot have a command forked");
  Buffer argv(kPayloadMax);
  Buffer env(kPayloadMax);
  Exec message{.zygote = request.zygote,
               .timeout_ms = static_cast<std::uint32_t>(request.timeout.count()),
               .cwd = request.cwd,
               .argv = TRY(encode_strings(request.argv, argv.bytes())),
               .env = TRY(encode_strings(request.env, env.bytes()))};
  unsigned streams = 1U << static_cast<unsigned>(Stream::kOut);
  if (request.terminal.has_value()) {
    message.flags |= Exec::kTerminal;
    message.rows = request.terminal->rows;
    message.columns = request.terminal->columns;
  } else {
    streams |= 1U << static_cast<unsigned>(Stream::kErr);
    if (request.has_stdin) message.flags |= Exec::kHasStdin;
  }
  if (request.is_zygote) message.flags |= Exec::kForks;
  if (request.wants_results) {
    message.flags |= Exec::kResults;
    streams |= 1U << static_cast<unsigned>(Stream::kResults);
  }
  Operation operation = TRY(start(Channel::Kind::kExec, message));
  Channel& channel = operation.channel();
  channel.sink = &sink;
  channel.flow = request.credit;
  channel.open_streams = static_cast<std::uint8_t>(streams);
  channel.is_input_ended = !request.has_stdin && !request.terminal.has_value();
  return operation;
}

Task<std::unique_ptr<Process>> SessionOnLink::exec(ExecRequest request, OutputSink& sink) {
  auto operation = start_exec(request, sink);
  return finish_exec(std::move(operation), "start " + printable(request.argv.empty() ? "" : request.argv.front()));
}

Task<> SessionOnLink::write_file(GuestPath path, std::span<const std::byte> contents, WriteOptions options) {
  auto operation = start_write(path, options);
  ByteSource rest;
  if (operation.has_value()) {
    const std::size_t sent = link_->send_data(operation->channel(), contents);
    if (sent == contents.size()) {
      link_->send_end(operation->channel());
    } else {
      rest = [left = contents.subspan(sent)](std::span<std::byte> buffer) mutable { return take_some(left, buffer); };
    }
  }
  return finish_write(std::move(operation), std::move(rest), "write " + path.text());
}

Task<> SessionOnLink::write_file(GuestPath path, ByteSource source, WriteOptions options) {
  return finish_write(start_write(path, options), std::move(source), "write " + path.text());
}

Task<std::uint64_t> SessionOnLink::read_file(GuestPath path, std::uint64_t offset, std::uint64_t limit, ByteSink sink) {
  auto operation = start(Channel::Kind::kRead, ReadFile{.offset = offset, .limit = limit, .path = path.text()});
  if (operation.has_value()) {
    operation->channel().limit = limit;
    operation->channel().bytes = std::move(sink);
  }
  return finish_read(std::move(operation), "read " + path.text());
}

Task<Listing> SessionOnLink::list(ListRequest request) {
  auto operation = start(Channel::Kind::kList,
                         List{.depth = request.depth, .max_entries = request.max_entries, .path = request.path.text()});
  if (operation.has_value()) operation->channel().limit = request.max_entries;
  return finish_list(std::move(operation), "list " + request.path.text());
}

}  // namespace

Result<std::unique_ptr<Session>> Session::connect(const asio::any_io_executor& executor, Fd channel) {
  auto link = std::make_shared<Link>(executor, TRY(StreamSocket::adopt(executor, std::move(channel))));
  return std::make_unique<SessionOnLink>(executor, std::move(link));
}

}  // namespace brig::guest
