#include "console.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"

namespace brig::templates {
namespace {

constexpr std::chrono::milliseconds kPatience{500};
constexpr std::size_t kWidth = 100;
constexpr std::size_t kUnseenMost = 24;
/// How long somebody who reads a file or a pipe may wonder whether it goes on.
constexpr std::chrono::seconds kSignOfLife{15};

void tell(std::string_view text) {
  (void)sys::write_all(FdRef(STDERR_FILENO), "brig: " + std::string(text) + "\n").has_value();
}

}  // namespace

Console::Console(std::string path, Fd log)
    : path_(std::move(path)), log_(std::move(log)), begun_(std::chrono::steady_clock::now()), told_(begun_),
      is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Result<Console> Console::open(const std::string& folder, const std::string& name) {
  std::string path = folder + "/" + name + ".log";
  Fd log = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  return Console(std::move(path), std::move(log));
}

Console::~Console() { finish(); }

void Console::keep(std::string_view text) {
  unseen_.emplace_back(text);
  if (unseen_.size() > kUnseenMost) unseen_.pop_front();
}

void Console::write_over(std::string_view text) {
  (void)sys::write_all(FdRef(STDERR_FILENO), "\r\x1b[K" + std::string(text.substr(0, kWidth))).has_value();
  is_line_open_ = true;
}

void Console::line(std::string_view text) {
  if (!log_.is_open()) return;
  (void)sys::write_all(log_.ref(), std::string(text) + "\n").has_value();
  const auto now = std::chrono::steady_clock::now();
  const bool is_time = now - begun_ >= kPatience;
  if (!is_time || is_terminal_) keep(text);  // one that is written over was not read
  if (!is_time) return;
  if (is_terminal_) return write_over(text);
  unseen_.clear();  // of what is over
  told_ = now;
  tell(text);
}

void Console::detail(std::string_view text) {
  if (!log_.is_open()) return;
  (void)sys::write_all(log_.ref(), std::string(text) + "\n").has_value();
  keep(text);
  const auto now = std::chrono::steady_clock::now();
  if (now - begun_ < kPatience) return;
  if (is_terminal_) return write_over(text);
  if (now - told_ < kSignOfLife) return;
  told_ = now;
  tell("… " + std::string(text));
}

void Console::show_unseen() {
  finish();
  for (const std::string& text : unseen_) tell(text);
  unseen_.clear();
}

void Console::finish() {
  if (is_line_open_) (void)sys::write_all(FdRef(STDERR_FILENO), "\r\x1b[K").has_value();
  is_line_open_ = false;
}

}  // namespace brig::templates
