#include "runtimes/remote/helper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "async/stream.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::remote {

void become_helper(const char* name, std::span<const FdRef> kept) {
  ::prctl(PR_SET_NAME, name);
  sys::reset_signals();
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) (void)::signal(signal, SIG_IGN);
  sys::close_all_but(kept);
}

void end_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
}

void tell(FdRef socket, char letter, std::string_view text) {
  std::string message(1, letter);
  message += text.substr(0, kWordMax - 1);
  (void)sys::send_message(socket, std::as_bytes(std::span(message)), {}, sys::IfFull::kFail);
}

Result<std::optional<Word>> take_word(FdRef socket) {
  std::array<std::byte, kWordMax> buffer;
  auto message = sys::receive_message(socket, buffer);
  if (!message && message.error().os_error() == EAGAIN) return std::optional<Word>();
  if (!message) return std::move(message).error();
  if (message->size == 0) return Error(Code::kUnavailable, "the process at the other end is gone");
  const char* const text = reinterpret_cast<const char*>(buffer.data());
  return std::optional(Word{.letter = text[0], .text = std::string(text + 1, message->size - 1)});
}

Task<Word> next_word(FdRef socket) {
  while (true) {
    CO_TRY(auto word, take_word(socket));
    if (word) co_return *std::move(word);
    CO_TRY_VOID(co_await wait_readable(socket));
  }
}

}  // namespace brig::runtimes::remote
