#pragma once
/// Frames of WebSocket (RFC 6455, 5), as bytes. Part of the room; nothing else uses it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::http {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
[[nodiscard]] constexpr bool is_control(Opcode opcode) { return opcode >= Opcode::kClose; }

using Mask = std::array<std::uint8_t, 4>;

struct FrameHead {
  Opcode opcode = Opcode::kContinuation;
  bool is_final = false;
  std::optional<Mask> mask;
  std::uint64_t length = 0;
  std::size_t head_size = 0;
};

/// The head at the beginning of `bytes`, or nothing if it is not complete. kInvalidArgument for reserved bits, unknown
/// opcodes, control frames that are long or in pieces, lengths that are not in their shortest form, and a mask where
/// there must be none or the other way round.
Result<std::optional<FrameHead>> parse_frame_head(std::string_view bytes, bool must_be_masked);
std::string format_frame_head(Opcode opcode, std::size_t length, const std::optional<Mask>& mask);
/// Masks or unmasks; `offset` is the place of the first byte in its frame.
void apply_mask(std::span<char> bytes, const Mask& mask, std::uint64_t offset);
/// Whether a close may carry this code on the wire.
[[nodiscard]] bool is_close_code(unsigned code);

}  // namespace brig::http
