#pragma once
/// Session: the host's end of the guest protocol over one sandbox's channel. Many commands and file operations at once.
///
/// Requests go out **when the function is called**, in the order of the calls; the Task it returns only waits for the
/// answer. So a caller may connect, write a file and start a program back to back and pay for one round trip:
///
///     auto session = TRY(Session::connect(executor, cell->take_channel()));
///     auto written = session->write_file(path, code, {});
///     auto starting = session->exec(request, sink);
///     CO_TRY_VOID(co_await std::move(written));
///     CO_TRY(auto process, co_await std::move(starting));
///
/// The guest is hostile. A frame out of order, beyond its window, malformed or for nobody fails this session and
/// nothing else: everybody who waits gets kInternal ("the guest broke the protocol: …"); kUnavailable means that the
/// channel was closed. Both have os_error() == 0, whereas what the guest's kernel refused (no such program, disk full
/// …) has os_error() != 0. Nothing here has a deadline: use with_timeout(); every wait may be cancelled, which closes
/// the channel of that operation. One thread, the executor's. Destroying the Session closes the socket and ends every
/// wait with kCancelled; Processes may outlive it.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"
#include "base/fd.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/units.h"
#include "guest/file_messages.h"

namespace brig::guest {

/// Where a program's output goes.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  /// `bytes` is a view into the receive buffer, valid during the call. Must not destroy the Session or the Process.
  virtual void on_output(Stream stream, std::span<const std::byte> bytes) = 0;
  /// Nothing more will come on `stream`. Comes for kOut (and kErr, kResults if they exist), before or after the end of
  /// the program.
  virtual void on_end(Stream /*stream*/) {}
};

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

/// Who gives the guest credit for more output: on_output()'s return, or the owner by Process::consumed().
enum class Credit : std::uint8_t { kAutomatic, kManual };

struct ExecRequest {
  std::vector<std::string> argv{};  ///< argv[0] without a slash is looked for in PATH of `env`
  std::vector<std::string> env{};   ///< "NAME=value", all of it
  std::string cwd = "/workspace";
  std::optional<TerminalSize> terminal{};  ///< a terminal instead of pipes: all output is Stream::kOut
  bool has_stdin = false;                  ///< a pipe; else /dev/null. A terminal always has input
  bool wants_results = false;              ///< descriptor 3 is a pipe that comes back as Stream::kResults
  /// It takes requests to fork on descriptor 3 (agent/spawn.h), and may be another request's `zygote`.
  bool is_zygote = false;
  /// The Process::channel() of a zygote that becomes the command in a child; 0: `argv` is executed.
  std::uint32_t zygote = 0;
  Credit credit = Credit::kAutomatic;
  /// The agent kills the process group after this, by the wall's clock and also while nobody here looks: the second
  /// line behind a timer of the owner's, which judges. The time of a pause counts. 0 = never; at most 49 days.
  Milliseconds timeout{0};
};

/// How a program ended, as the agent says (the guest may lie about its own).
struct ProcessEnd {
  bool is_signalled = false;
  int value = 0;  ///< exit code, or the signal
  std::chrono::microseconds cpu_user{0};
  std::chrono::microseconds cpu_system{0};
  Bytes max_rss{0};
  bool is_timed_out = false;  ///< the agent killed it for ExecRequest::timeout
  bool is_disk_full = false;  ///< no free block or inode in the working folder at that moment
  bool operator==(const ProcessEnd&) const = default;
};

/// A started command. Destroying it kills the command's process group, if it has not ended, and the sink hears no more;
/// what a command that has ended left in the background goes on.
class Process {
 public:
  virtual ~Process() = default;
  [[nodiscard]] virtual std::uint32_t pid() const = 0;      ///< inside
  [[nodiscard]] virtual std::uint32_t channel() const = 0;  ///< its number in the session, used once

  /// Returns when all of `bytes` (which must live until then) was sent; waits while the program does not read. What a
  /// program that closed its input does not read is dropped by the agent. One writer at a time.
  virtual Task<> write_stdin(std::span<const std::byte> bytes) = 0;
  /// End of input (on a terminal: ^D).
  virtual Result<> close_stdin() = 0;
  /// To the command's whole process group.
  virtual Result<> signal(int number) = 0;
  virtual Result<> resize(TerminalSize size) = 0;
  /// With Credit::kManual: the guest may send that many bytes more.
  virtual void consumed(std::size_t bytes) = 0;

  /// Suspends until the program has ended. Output may still follow: see drain(). May be called again.
  virtual Task<ProcessEnd> wait() = 0;
  /// After wait(): suspends until all output has come, or until `grace` is over: false (something in the background
  /// holds it open).
  virtual Task<bool> drain(Milliseconds grace) = 0;
};

/// One file inside. `path` and `target` are the guest's bytes: not UTF-8, perhaps "../x", control characters or
/// duplicates. Whoever makes host paths of them must validate them.
struct FileEntry {
  std::string path;  ///< relative to the listed folder; empty from stat()
  std::string target;
  FileType type = FileType::kUnknown;
  std::uint16_t mode = 0;
  Bytes size{0};
  Bytes allocated{0};
  std::chrono::nanoseconds mtime{0};  ///< since 1970
  std::uint64_t device = 0;
};

struct Listing {
  std::vector<FileEntry> entries;  ///< parents before their contents, otherwise in no order
  bool is_truncated = false;       ///< deeper, or more, than was asked for or fits
};

struct ListRequest {
  GuestPath path;
  std::uint16_t depth = 0;  ///< 0 = its own entries; at most kDepthMax
  std::uint32_t max_entries = 10'000;
};

struct WriteOptions {
  std::uint16_t mode = 0644;  ///< of a new file; one that is replaced keeps its own
  bool creates_parents = false;
  bool is_exclusive = false;
};

/// Called with each piece of a file, a view valid during the call; an Error ends the reading and comes out of
/// read_file().
using ByteSink = std::function<Result<>(std::span<const std::byte>)>;
/// Fills the buffer and says how much; 0 is the end of the file. May suspend: a body that comes over a network.
using ByteSource = std::function<Task<std::size_t>(std::span<std::byte>)>;

/// A TCP connection to a program inside. One reader and one writer at a time; tasks may outlive the object. Destroying
/// it closes it. Errors with an os_error() are those of the program's end (ECONNRESET); kCancelled after close().
class Connection {
 public:
  virtual ~Connection() = default;
  /// At least one byte into `buffer` (which must live until then), or 0 at the end of what the program sends.
  virtual Task<std::size_t> read_some(std::span<std::byte> buffer) = 0;
  /// Returns when all of `bytes` (which must live until then) was sent; waits while the program does not read.
  /// kUnavailable once the connection is over. What a program that reads no more does not take is dropped.
  virtual Task<> write_all(std::span<const std::byte> bytes) = 0;
  /// End of what we send; reading goes on.
  virtual Result<> shutdown_write() = 0;
  /// Both directions, now; what waits ends with kCancelled.
  virtual void close() = 0;
};

/// Something happened to a file inside. `path` and `from` are the guest's bytes: see FileEntry.
struct FileChange {
  ChangeKind kind = ChangeKind::kCreated;
  bool is_folder = false;
  std::string path;  ///< relative to the watched place; empty: that itself
  std::string from;  ///< kMoved: what it was called
  bool operator==(const FileChange&) const = default;
};

/// Changes below a folder, in order. Whoever does not ask for them stalls the agent's reading of them: the kernel's
/// queue is bounded, and what it loses is said as kOverflow. Destroying it ends the watch.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// The next change, or none once the watched place is gone. One caller at a time.
  virtual Task<std::optional<FileChange>> next() = 0;
};

class Session {
 public:
  /// Says hello without waiting for the answer: a guest of another version fails the session when it answers.
  static Result<std::unique_ptr<Session>> connect(const asio::any_io_executor& executor, Fd channel);
  virtual ~Session() = default;

  /// Suspends until the guest has answered the handshake.
  virtual Task<> ready() = 0;
  /// Whether commands can be forked here (ExecRequest::is_zygote). Known once it is ready.
  [[nodiscard]] virtual bool may_fork() const { return false; }
  /// Suspends until the session is over and ends with the Error that ended it, never well: kUnavailable (the guest has
  /// closed the channel), kInternal (it broke the protocol), kUnsupported (another version), kCancelled (the Session
  /// was destroyed). May be called, and awaited, any number of times, also afterwards.
  virtual Task<> closed() = 0;

  /// Ends when the program has started, or with the guest's errno if it cannot be (ENOENT, EACCES, E2BIG, EAGAIN …): a
  /// program that exits with 127 has started. kInvalidArgument if the request does not fit the protocol. `sink`
  /// outlives the Process and may be called before the Task ends.
  virtual Task<std::unique_ptr<Process>> exec(ExecRequest request, OutputSink& sink) = 0;

  /// Files below are the sandbox's, seen as its user; the last component of a path is never followed if it is a
  /// symbolic link. The contents of up to kWindow bytes go out at the call, more as the guest takes it. `contents`
  /// lives until the Task ends.
  virtual Task<> write_file(GuestPath path, std::span<const std::byte> contents, WriteOptions options) = 0;
  virtual Task<> write_file(GuestPath path, ByteSource source, WriteOptions options) = 0;
  /// At most `limit` bytes of a regular file from `offset` on; how many came.
  virtual Task<std::uint64_t> read_file(GuestPath path, std::uint64_t offset, std::uint64_t limit, ByteSink sink) = 0;
  virtual Task<Listing> list(ListRequest request) = 0;
  virtual Task<FileEntry> stat(GuestPath path) = 0;
  virtual Task<> make_dir(GuestPath path, std::uint16_t mode, bool with_parents) = 0;
  virtual Task<> move(GuestPath from, GuestPath to) = 0;
  virtual Task<> remove(GuestPath path, bool is_recursive) = 0;
  virtual Task<> chmod(GuestPath path, std::uint16_t mode) = 0;

  /// What changes in the folder (or of the file) `path`, with the folders below it if `is_recursive`: at most
  /// kWatchFoldersMax, more is said as kLimited. A new folder may have been filled before it is watched; what is in it
  /// then is said, perhaps twice. A link is not followed. EMFILE if the sandbox has too many watches.
  virtual Task<std::unique_ptr<Watcher>> watch(GuestPath path, bool is_recursive) = 0;

  /// To 127.0.0.1 and, if nobody listens there, ::1 inside. ECONNREFUSED and the like come as os_error().
  virtual Task<std::unique_ptr<Connection>> dial(std::uint16_t port) = 0;
  /// The TCP ports that somebody listens on inside, rising; the first kPortsMax of them.
  virtual Task<std::vector<std::uint16_t>> listening_ports() = 0;

  /// Asks the agent to kill everything and end. The certain way is to destroy the cell.
  virtual void stop() = 0;
};

}  // namespace brig::guest
