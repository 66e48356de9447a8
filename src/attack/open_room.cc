#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "async/stream.h"
#include "async/timer.h"
#include "attack/canary.h"
#include "attack/room.h"
#include "service/capture.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::attack {
namespace {

constexpr Milliseconds kRoomLimit{20'000};
constexpr int kCannot = 125;  // as stage.cc

/// Everything the room prints, of which head and tail are kept, until it ends.
Task<> read_all(FdRef fd, service::Capture& capture) {
  std::array<std::byte, 16384> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n == 0) co_return Result<>();
    if (n > 0) capture.append(std::span(buffer).first(static_cast<std::size_t>(n)));
    if (n < 0 && errno != EAGAIN && errno != EINTR) co_return Error::last_system("read the room's output");
    if (n < 0) CO_TRY_VOID(co_await wait_readable(fd));
  }
}

class OpenRoom final : public Room {
 public:
  OpenRoom(std::string program, std::string token) : program_(std::move(program)), token_(std::move(token)) {}

  asio::awaitable<Observation> run(const Probe& probe, Scene& scene, std::string marker) override {
    Observation observation;
    auto exit = co_await run_room(probe, scene, std::move(marker), observation.output);
    if (exit.has_value()) {
      observation.exit = *exit;
    } else {
      observation.trouble = exit.error().message();
    }
    if (observation.exit.value == kCannot) observation.trouble = observation.output;
    // The scene's canaries are not the room's: touching them from a control would be a hole in the room.
    for (const std::string& damage : scene.take_damage())
      observation.trouble += "a control reached the host: " + damage;
    co_return observation;
  }

 private:
  Task<runtime::Exit> run_room(const Probe& probe, const Scene& scene, std::string marker, std::string& output) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) co_return Error::last_system("pipe");
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    CO_TRY(const Fd null, sys::open("/dev/null", O_RDONLY));
    std::vector<std::string> words{"@room", "marker=" + marker};
    for (const std::string& word : probe_limits(probe)) words.push_back(word);
    // Names only: the room makes files of its own there.
    for (const std::string& word : scene.arguments(scene.input())) words.push_back(word);
    words.emplace_back(probe.name);
    const std::vector<std::string> environment{std::string(kCanaryVariable) + "=" + token_};
    const std::array fds{sys::Inherited{null.ref(), 0}, sys::Inherited{writer.ref(), 1},
                         sys::Inherited{writer.ref(), 2}};
    CO_TRY(sys::Child room, sys::spawn(program_, words, environment, fds));
    writer.reset();
    CO_TRY_VOID(sys::set_nonblocking(reader.ref(), true));
    service::Capture capture(kibibytes(64));
    auto read = co_await with_timeout(kRoomLimit, read_all(reader.ref(), capture), "the control");
    output = capture.text();
    if (!read.has_value()) co_return std::move(read).error();
    CO_TRY(const sys::ProcessEnd end, room.wait());
    co_return runtime::Exit{end.is_signal ? runtime::Cause::kSignalled : runtime::Cause::kExited, end.value, {}};
  }

  std::string program_;
  std::string token_;
};

}  // namespace

std::unique_ptr<Room> make_open_room(std::string program, std::string token) {
  return std::make_unique<OpenRoom>(std::move(program), std::move(token));
}

}  // namespace brig::attack
