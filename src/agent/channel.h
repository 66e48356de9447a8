#pragma once
/// Channel: one operation of the host: a command, a file being written, read or listed, a connection, a watch.
///
/// The loop asks it what to poll for and tells it what is ready; it moves bytes between its descriptors and the Output,
/// never more than the host's credit allows, and knows when it is over.
#include <poll.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/files.h"
#include "agent/output.h"
#include "agent/spawn.h"
#include "agent/upload.h"
#include "agent/watch.h"
#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::agent {

/// Since some moment, never backwards.
std::uint64_t now_ms();

class Channel {
 public:
  /// kLeft: no channel of the host's any more, but the pipes of what an ended command left in the background.
  enum class Kind : std::uint8_t { kFree, kExec, kWrite, kRead, kList, kDial, kWatch, kLeft };

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::uint32_t id() const { return id_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Each answers at once (Started, Failed …) and leaves the channel free if that was all.
  void start(std::uint32_t id, const guest::Exec& request, Output& output);
  /// A command that the one at the other end of the socket `zygote` forks; below 0: there is none.
  void start_forked(std::uint32_t id, const guest::Exec& request, int zygote, Output& output);
  void start(std::uint32_t id, const guest::WriteFile& request, Output& output);
  void start(std::uint32_t id, const guest::ReadFile& request, Output& output);
  void start(std::uint32_t id, const guest::List& request, Output& output);
  void start(std::uint32_t id, const guest::Dial& request, Output& output);
  void start(std::uint32_t id, const guest::Watch& request, Output& output);

  // What the host sends; false if it broke the protocol.
  [[nodiscard]] bool on_data(std::span<const std::byte> bytes, Output& output);
  [[nodiscard]] bool on_end(Output& output);
  [[nodiscard]] bool on_window(std::uint32_t bytes);
  [[nodiscard]] bool on_signal(int number) const;
  [[nodiscard]] bool on_resize(const guest::Resize& size) const;
  /// Kills and closes everything. The channel is free afterwards.
  void close();
  /// The host wants no more of it: close(); but of a command that has ended by itself, what it left in the background
  /// goes on and finds a reader for what it prints, which is dropped. The channel is free or kLeft afterwards.
  void leave();
  /// Of a kLeft one: closes its pipes. What holds them goes on.
  void abandon();

  /// The command has ended: its pipes are emptied as far as they go, then Exited is due.
  void on_exit(int status, const rusage& usage, Output& output);
  /// Asked for and not known yet. Such a command hears of no signal.
  [[nodiscard]] bool is_forking() const { return born_ >= 0; }
  /// Looks whether it is there by now: a process that leads no other one's command among `all`. There must be room for
  /// an answer.
  void hear_of_birth(std::span<Channel* const> all, Output& output);
  /// Whether its command is the process `pid`, and runs.
  [[nodiscard]] bool leads(pid_t pid) const {
    return kind_ == Kind::kExec && pid_ == pid && !is_exit_due_ && !is_exit_told_;
  }
  /// Where this command takes requests to fork; -1 if it takes none, or is gone.
  [[nodiscard]] int forks() const { return is_exit_due_ || is_exit_told_ ? -1 : forks_; }
  /// A process of the command's group has ended whose parent did not wait for it: what it used belongs to the command.
  void on_orphan(const rusage& usage);

  /// Milliseconds on the clock of now_ms() at which on_deadline() is due; 0 = never.
  [[nodiscard]] std::uint64_t deadline() const { return deadline_; }
  /// The command has had its time.
  void on_deadline();

  /// At most this many descriptors to poll.
  static constexpr std::size_t kPollMax = 4;
  std::size_t poll_for(std::span<pollfd, kPollMax> fds, const Output& output) const;
  /// Handles one polled descriptor; not of one that is forking.
  void on_ready(const pollfd& ready, Output& output);
  /// Does what needs no descriptor: reads files, walks trees, reports an exit. True if there is more to do at once.
  bool advance(Output& output);

 private:
  struct Source {
    int fd = -1;
    guest::Stream stream = guest::Stream::kOut;
  };

  void open(std::uint32_t id, Kind kind);
  void take_pipes(const Pipes& pipes);
  std::size_t pump(Source& source, Output& output, std::size_t most = SIZE_MAX);
  void pump_results(Source& results, Output& output);
  void flush_stdin(Output& output);
  void close_stdin();
  void drop_output(const pollfd& ready);
  void grant(std::size_t bytes, Output& output);
  void add_usage(const rusage& usage);
  void report_exit(Output& output);
  void finish_if_over(Output& output);
  int connect_to(int family);
  void on_connect(int os_error, Output& output);
  bool read_file(Output& output);
  void fail(int os_error, const char* step, Output& output);

  Kind kind_ = Kind::kFree;
  bool has_terminal_ = false;
  bool is_shared_ = false;       ///< one descriptor for both directions: a terminal, a socket
  bool is_connecting_ = false;   ///< a dial without an answer yet
  bool is_second_try_ = false;   ///< by IPv6
  bool is_input_ended_ = false;  ///< the host said so; the program hears it when all bytes are written
  bool is_exit_due_ = false;     ///< the command has ended and the host does not know yet
  bool is_exit_told_ = false;
  bool is_group_awaited_ = false;  ///< it was killed, and others of its group are about to end as well
  std::uint32_t id_ = 0;
  std::uint32_t to_host_ = 0;  ///< credit we have
  std::uint32_t to_us_ = 0;    ///< credit the host has
  std::uint32_t taken_ = 0;    ///< consumed and not granted again yet
  pid_t pid_ = -1;
  int born_ = -1;   ///< Forking::born
  int forks_ = -1;  ///< Pipes::results of a command that forks
  int in_ = -1;     ///< the command's input, or the file that is read
  Source sources_[3];
  guest::Exited exited_;
  std::byte* held_ = nullptr;  ///< input that the program does not read yet: kStdinWindow bytes, allocated when needed
  std::size_t held_begin_ = 0;
  std::size_t held_end_ = 0;
  std::uint64_t left_ = 0;  ///< bytes still to read from the file
  std::uint64_t deadline_ = 0;
  std::uint32_t timeout_ms_ = 0;  ///< of one that is forking
  std::uint16_t port_ = 0;
  ListJob* list_ = nullptr;
  Upload* upload_ = nullptr;
  WatchJob* watch_ = nullptr;
};

}  // namespace brig::agent
