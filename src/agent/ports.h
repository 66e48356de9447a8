#pragma once
/// Which TCP ports of its network namespace somebody listens on, from /proc.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brig::agent {

class Ports {
 public:
  void add(std::size_t port) { bits_[port / 64] |= std::uint64_t{1} << (port % 64); }
  [[nodiscard]] bool has(std::size_t port) const { return (bits_[port / 64] >> (port % 64) & 1) != 0; }

 private:
  std::array<std::uint64_t, 65536 / 64> bits_{};
};

/// Reads one line of /proc/net/tcp or tcp6; what is no listening socket, or no such line, changes nothing.
void take_port(std::string_view line, Ports& ports);

/// 0 or an errno. Sockets beyond a generous bound are left out.
int find_listening_ports(Ports& ports);

}  // namespace brig::agent
