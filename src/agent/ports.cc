#include "agent/ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace brig::agent {
namespace {

/// Of one table; a line is 150 bytes. A program that holds more sockets than that may hide some.
constexpr std::size_t kTableMax = 4 << 20;
constexpr std::string_view kListening = "0A";  // TCP_LISTEN of include/net/tcp_states.h

/// The next word, which is taken off.
std::string_view word(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  const std::size_t end = line.find(' ');
  const std::string_view first = line.substr(0, end);
  line.remove_prefix(first.size());
  return first;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int read_table(const char* path, Ports& ports) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  std::array<char, 8192> buffer;
  std::size_t held = 0;
  int error = 0;
  for (std::size_t total = 0; total < kTableMax;) {
    const ssize_t count = ::read(fd, buffer.data() + held, buffer.size() - held);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
    total += static_cast<std::size_t>(count);
    std::string_view text(buffer.data(), held + static_cast<std::size_t>(count));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
      take_port(text.substr(0, end), ports);
    }
    held = text.size() < buffer.size() ? text.size() : 0;  // no line is that long
    std::memmove(buffer.data(), text.data(), held);
  }
  ::close(fd);
  return error;
}

}  // namespace

void take_port(std::string_view line, Ports& ports) {
  (void)word(line);  // the number of the line
  const std::string_view local = word(line);
  (void)word(line);  // the other end
  if (word(line) != kListening) return;
  const std::size_t colon = local.rfind(':');
  if (colon == std::string_view::npos || local.size() - colon != 5) return;
  std::size_t port = 0;
  for (char c : local.substr(colon + 1)) {
    if (digit(c) < 0) return;
    port = port * 16 + static_cast<std::size_t>(digit(c));
  }
  if (port > 0) ports.add(port);
}

int find_listening_ports(Ports& ports) {
  if (const int error = read_table("/proc/self/net/tcp", ports); error != 0) return error;
  const int error = read_table("/proc/self/net/tcp6", ports);
  return error == ENOENT ? 0 : error;  // a kernel without IPv6
}

}  // namespace brig::agent
