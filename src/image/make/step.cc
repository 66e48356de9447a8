#include "image/make/step.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <limits>

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>

#include "async/run.h"
#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/scratch.h"
#include "service/run.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::image {
namespace {

constexpr std::uint64_t kDiskLeft = std::uint64_t{256} << 20;
constexpr std::uint64_t kInodesLeft = 10'000;  ///< or a fiftieth of a small file system's
constexpr std::size_t kLineMost = 400;
constexpr std::size_t kHeaderMost = 4096;
constexpr std::size_t kAnswerMost = kStepOutputMost + kHeaderMost;

struct Pipe {
  Fd read;
  Fd write;
  static Result<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::last_system("make a pipe");
    return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
  }
};

/// In the child: hands on what the program complains of, and gives everything up before it is heard.
class Observer final : public service::RunObserver {
 public:
  Observer(const runtime::Runtime& runtime, FdRef lines, bool shows_output)
      : runtime_(runtime), lines_(lines), shows_output_(shows_output) {}
  Result<> on_requested() override {
    const std::vector<std::string> writable = runtime_.cleanup_folders();
    return sys::confine_self({.writable = writable});
  }
  void on_head(guest::Stream stream, std::span<const std::byte> bytes) override {
    if (stream != guest::Stream::kErr && !shows_output_) return;
    (void)sys::write_all(lines_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

 private:
  const runtime::Runtime& runtime_;
  FdRef lines_;
  bool shows_output_;
};

std::string step_id() {
  static std::atomic<unsigned> count = 0;
  return "template-" + std::to_string(::getppid()) + "-" + std::to_string(++count);
}

/// One line of JSON, then the program's output.
std::string talk(const MakeRuntime& make_runtime, const Step& step, FdRef lines) {
  const auto answer = [](const Error& error) {
    return json::write(boost::json::object{{"code", static_cast<int>(error.code())}, {"failure", error.message()}}) +
           "\n";
  };
  asio::io_context io(1);
  auto runtime = make_runtime();
  if (!runtime) return answer(runtime.error());
  Observer observer(**runtime, lines, step.shows_output);
  service::TaskSpec spec{
      .id = step_id(),
      .policy = step.policy,
      .program = service::Command{.argv = step.argv, .folder = step.folder, .environment = step.environment},
      .root = step.root,
      .writable = step.writable};
  auto report = run(io, service::run_task(**runtime, std::move(spec), observer));
  if (!report) return answer(report.error());
  if (report->trouble) return answer(*report->trouble);
  const std::string note = report->note.substr(0, kHeaderMost / 4);
  return json::write(boost::json::object{{"cause", static_cast<int>(report->exit.cause)},
                                         {"value", report->exit.value},
                                         {"peak", report->exit.usage.peak_memory.count},
                                         {"note", printable(note, kHeaderMost / 4)}}) +
         "\n" + std::string(report->out.head()).substr(0, kStepOutputMost);
}

Result<StepEnd> read_answer(const std::string& text) {
  const std::size_t newline = text.find('\n');
  if (newline == std::string::npos)
    return Error(Code::kUnavailable, "the process that watched the sandbox died: try again");
  const json::Value value = TRY(json::parse(std::string_view(text).substr(0, newline)));
  const json::Reader reader(value);
  if (const auto failure = TRY(reader.find("failure"))) {
    const auto code = TRY(TRY(reader.at("code")).integer(0, static_cast<int>(Code::kInternal)));
    return Error(static_cast<Code>(code), std::string(TRY(failure->text())));
  }
  StepEnd end;
  end.exit.cause =
      static_cast<runtime::Cause>(TRY(TRY(reader.at("cause")).integer(0, static_cast<int>(runtime::Cause::kExpired))));
  end.exit.value = static_cast<int>(TRY(TRY(reader.at("value")).integer(0, 255)));
  end.exit.usage.peak_memory.count = static_cast<std::uint64_t>(TRY(TRY(reader.at("peak")).integer(0)));
  end.note = TRY(TRY(reader.at("note")).text());
  end.output = text.substr(newline + 1);
  return end;
}

/// Cuts a stream into lines that may be shown.
class Lines {
 public:
  explicit Lines(const OnLine& on_line) : on_line_(on_line) {}
  ~Lines() { flush(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  void append(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n' || c == '\r') flush();
      else if (line_.size() < kLineMost) line_ += c;
    }
  }

 private:
  void flush() {
    if (!line_.empty() && on_line_) on_line_(printable(line_, kLineMost));
    line_.clear();
  }
  const OnLine& on_line_;
  std::string line_;
};

/// Everything that the child says, until it says no more.
Result<std::string> listen(Pipe& answer, Pipe& lines, const std::string& disk, const OnLine& on_line) {
  std::string text;
  Lines cut(on_line);
  std::vector<char> piece(std::size_t{64} << 10);
  while (answer.read.is_open() || lines.read.is_open()) {
    std::array<pollfd, 2> polled{pollfd{.fd = answer.read.get(), .events = POLLIN},
                                 pollfd{.fd = lines.read.get(), .events = POLLIN}};
    if (::poll(polled.data(), polled.size(), kDiskLookEvery) < 0 && errno != EINTR) return Error::last_system("poll");
    TRY(expect_room(disk));
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      Fd& from = i == 0 ? answer.read : lines.read;
      const ssize_t count = ::read(from.get(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        from.reset();
      } else if (i == 0) {
        text.append(piece.data(), static_cast<std::size_t>(count));
        if (text.size() > kAnswerMost) return Error(Code::kInternal, "a step's answer is too long");
      } else {
        cut.append({piece.data(), static_cast<std::size_t>(count)});
      }
    }
  }
  return text;
}

}  // namespace

Result<> expect_room(const std::string& disk) {
  struct statvfs room{};
  if (disk.empty() || ::statvfs(disk.c_str(), &room) != 0) return {};
  const std::uint64_t files_left = std::min<std::uint64_t>(kInodesLeft, room.f_files / 50);
  if (room.f_favail < files_left) {
    return Error(Code::kExhausted, "the disk of " + disk +
                                       " has no room for more files: " + std::to_string(files_left) +
                                       " are left alone. Make room (brig template gc), and try again");
  }
  if (std::uint64_t{room.f_bavail} * room.f_frsize >= kDiskLeft) return {};
  return Error(Code::kExhausted, "the disk of " + disk + " is nearly full: " + std::to_string(kDiskLeft >> 20U) +
                                     " MB are left alone. Make room (brig template gc), and try again");
}

policy::Limits step_limits() {
  policy::Limits limits;
  limits.timeout = std::chrono::hours(1);
  limits.memory = gibibytes(4);
  limits.cpu_millis = 2000;
  limits.pids = 64;
  // The largest file that a program may make, wherever. More than fits into the memory would make a file system on the
  // disk for the scratch of each step.
  limits.disk = policy::scratch_room(limits.memory, limits.inodes);
  limits.output = Bytes{2 * kStepOutputMost};
  return limits;
}

Result<StepEnd> run_step(const MakeRuntime& make_runtime, const Step& step, const OnLine& on_line) {
  TRY(expect_room(step.disk));
  Pipe answer = TRY(Pipe::make());
  Pipe lines = TRY(Pipe::make());
  const pid_t parent = ::getpid();
  auto child = TRY(sys::clone(0, FdRef()));
  if (!child) {
    // Ends without unwinding: what the parent owns is the parent's.
    sys::reset_signals();
    std::signal(SIGPIPE, SIG_IGN);
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
    const std::array<FdRef, 2> kept{answer.write.ref(), lines.write.ref()};
    sys::close_all_but(kept);  // what else our caller has open is nothing for who talks to a sandbox
    const std::string text = talk(make_runtime, step, lines.write.ref());
    ::_exit(sys::write_all(answer.write.ref(), text) ? 0 : 1);
  }
  answer.write.reset();
  lines.write.reset();
  const std::string text = TRY(listen(answer, lines, step.disk, on_line));
  TRY(child->wait());
  return read_answer(text);
}

Result<> expect_success(const StepEnd& end, std::string_view doing) {
  const std::string what(doing);
  switch (end.exit.cause) {
    case runtime::Cause::kExited:
      if (end.exit.value == 0) return {};
      return Error(Code::kInvalidArgument, what + " ended with exit code " + std::to_string(end.exit.value) +
                                               (end.note.empty() ? "" : " (" + end.note + ")"));
    case runtime::Cause::kTimeout: return Error(Code::kDeadline, what + " took too long");
    case runtime::Cause::kMemoryLimit:
      return Error(Code::kExhausted, what + " needed more than the " + format(step_limits().memory) +
                                         " of memory that a step has: do less in one step, or make it elsewhere and "
                                         "import what came of it (brig template import)");
    case runtime::Cause::kDiskLimit: return Error(Code::kExhausted, what + " made a file that is too large");
    default:
      return Error(Code::kUnavailable, what + " ended with " + std::string(runtime::status_of(end.exit)) +
                                           (end.exit.value != 0 ? " " + std::to_string(end.exit.value) : "") +
                                           (end.note.empty() ? "" : " (" + end.note + ")"));
  }
}

}  // namespace brig::image
