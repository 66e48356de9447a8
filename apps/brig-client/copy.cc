#include "copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <vector>

#include <boost/json/value.hpp>

#include "answer.h"
#include "async/run.h"
#include "base/buffer.h"
#include "base/number.h"
#include "base/units.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::chrono::milliseconds kPatience{500};

/// A line on stderr, on a terminal, for what takes more than half a second.
class Progress {
 public:
  explicit Progress(std::uint64_t total) : total_(total), is_shown_(::isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (has_line_) (void)sys::write_all(FdRef(STDERR_FILENO), "\r\x1b[K");
  }

  void add(std::uint64_t bytes) {
    done_ += bytes;
    const auto now = Clock::now();
    if (!is_shown_ || now - last_ < kPatience) return;
    last_ = now;
    has_line_ = true;
    const std::string share = total_ > 0 ? " of " + std::to_string(total_ >> 20) : "";
    (void)sys::write_all(FdRef(STDERR_FILENO), "\r" + std::to_string(done_ >> 20) + share + " MB\x1b[K");
  }
  void expect(std::uint64_t total) { total_ = total; }
  [[nodiscard]] std::uint64_t done() const { return done_; }

 private:
  std::uint64_t total_;
  bool is_shown_;
  bool has_line_ = false;
  std::uint64_t done_ = 0;
  Clock::time_point last_ = Clock::now();
};

Task<std::size_t> read_piece(FdRef file, Progress& progress, std::span<std::byte> buffer) {
  const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
  if (count < 0) co_return Error::last_system("read the file");
  progress.add(static_cast<std::uint64_t>(count));
  co_return static_cast<std::size_t>(count);
}

Task<> upload(Remote& remote, http::Request request) {
  CO_TRY(const auto response, co_await send(remote.client(), std::move(request)));
  CO_TRY_VOID(co_await response->read_body());
  co_return Result<>();
}

Task<> download(Remote& remote, http::Request request, FdRef file, Progress& progress) {
  CO_TRY(const auto response, co_await send(remote.client(), std::move(request)));
  if (const std::string* length = response->headers().find("Content-Length"))
    progress.expect(whole_number<std::uint64_t>(*length).value_or(0));
  Buffer buffer(kPiece);
  while (true) {
    CO_TRY(const std::size_t count, co_await response->read_some(buffer.bytes()));
    if (count == 0) co_return Result<>();
    CO_TRY_VOID(sys::write_all(file, {reinterpret_cast<const char*>(buffer.bytes().data()), count}));
    progress.add(count);
  }
}

std::string target_in(const std::string& sandbox, std::string_view rest, const std::string& path) {
  return target_of("/v1/sandboxes/" + http::percent_encode(sandbox) + std::string(rest), {{"path", path}});
}

http::Request request_for(const Remote& remote, std::string method, const std::string& sandbox, const std::string& path,
                          std::string_view rest = "/fs") {
  return {.method = std::move(method),
          .target = target_in(sandbox, rest, path),
          .headers = remote.headers(),
          .body = {},
          .source = {},
          .length = {}};
}

}  // namespace

namespace {

/// A folder goes as the tar that our own tar makes of it, and is unpacked inside.
Result<std::uint64_t> copy_folder_in(Remote& remote, const std::string& from, const std::string& sandbox,
                                     const std::string& to) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::last_system("make a pipe");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const std::vector<std::string> arguments{"-c", "-f", "-", "-C", from, "."};
  const std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"};
  const std::vector<sys::Inherited> kept{{.from = writing.ref(), .as = STDOUT_FILENO},
                                         {.from = FdRef(STDERR_FILENO), .as = STDERR_FILENO}};
  const char* const program = ::access("/usr/bin/tar", X_OK) == 0 ? "/usr/bin/tar" : "/bin/tar";
  sys::Child tar = TRY(sys::spawn(program, arguments, environment, kept).context("start tar"));
  writing.reset();
  http::Request request = request_for(remote, "PUT", sandbox, to, "/fs/tar");
  Progress progress(0);
  const FdRef file = reading.ref();
  request.source = [file, &progress](std::span<std::byte> buffer) { return read_piece(file, progress, buffer); };
  TRY(run(remote.io(), upload(remote, std::move(request))));
  const sys::ProcessEnd end = TRY(tar.wait());
  if (end.is_signal || end.value > 1) return Error(Code::kSystem, "tar could not read all of " + from);
  return progress.done();
}

/// Whether a place inside is a folder.
Result<bool> is_folder(Remote& remote, const std::string& sandbox, const std::string& path) {
  const auto answer = TRY(remote.ask("GET", target_in(sandbox, "/fs/stat", path)));
  return text_at(TRY(object_of(answer)), "is_dir") == "true";
}

}  // namespace

Result<std::uint64_t> copy_in(Remote& remote, const std::string& from, const std::string& sandbox,
                              const std::string& to) {
  Fd opened;
  if (from != "-") opened = TRY(sys::open(from, O_RDONLY));
  const FdRef file = from != "-" ? opened.ref() : FdRef(STDIN_FILENO);
  struct stat info = {};
  if (::fstat(file.get(), &info) < 0) return Error::last_system("look at " + from);
  if (S_ISDIR(info.st_mode)) return copy_folder_in(remote, from, sandbox, to);
  http::Request request = request_for(remote, "PUT", sandbox, to);
  if (S_ISREG(info.st_mode)) request.length = static_cast<std::uint64_t>(info.st_size);
  Progress progress(request.length.value_or(0));
  request.source = [file, &progress](std::span<std::byte> buffer) { return read_piece(file, progress, buffer); };
  TRY(run(remote.io(), upload(remote, std::move(request))));
  return progress.done();
}

Result<std::uint64_t> copy_out(Remote& remote, const std::string& sandbox, const std::string& from,
                               const std::string& to) {
  Progress progress(0);
  http::Request request = request_for(remote, "GET", sandbox, from);
  // What a sandbox packed is not unpacked here: that is for whoever has looked at it.
  if (TRY(is_folder(remote, sandbox, from))) {
    const bool is_gzip = to.ends_with(".tar.gz") || to.ends_with(".tgz");
    if (!is_gzip && !to.ends_with(".tar") && to != "-") {
      return Error(Code::kInvalidArgument,
                   from + " is a folder inside: say where to put its tar (NAME.tar, NAME.tar.gz, or - for a pipe)");
    }
    request.target = target_in(sandbox, "/fs/tar", from) + (is_gzip ? "&gzip=1" : "");
  }
  if (to == "-") {
    TRY(run(remote.io(), download(remote, std::move(request), FdRef(STDOUT_FILENO), progress)));
    return progress.done();
  }
  struct stat info = {};
  std::string path = to;
  if (::stat(to.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    path += (to.ends_with('/') ? "" : "/") + from.substr(from.rfind('/') + 1);
  const std::string temporary = path + ".brig-" + std::to_string(::getpid());
  const Fd file = TRY(sys::open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644));
  auto done = run(remote.io(), download(remote, std::move(request), file.ref(), progress));
  if (done && ::rename(temporary.c_str(), path.c_str()) < 0) done = Error::last_system("name the file " + path);
  if (!done) {
    ::unlink(temporary.c_str());
    return std::move(done).error();
  }
  return progress.done();
}

}  // namespace brig::client
