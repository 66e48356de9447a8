#include "http/websocket_frame.h"

#include <cstring>

namespace brig::http {
namespace {

constexpr std::size_t kMaxControl = 125;

Error bad(std::string_view what) { return {Code::kInvalidArgument, "a WebSocket frame with " + std::string(what)}; }

std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

void append_number(std::string& out, std::uint64_t number, unsigned size) {
  for (unsigned i = size; i-- > 0;) out.push_back(static_cast<char>(number >> (8 * i) & 0xffU));
}

}  // namespace

Result<std::optional<FrameHead>> parse_frame_head(std::string_view bytes, bool must_be_masked) {
  if (bytes.size() < 2) return std::optional<FrameHead>();
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  FrameHead head{.opcode = static_cast<Opcode>(first & 0x0fU), .is_final = (first & 0x80U) != 0};
  const unsigned opcode = first & 0x0fU;
  if ((first & 0x70U) != 0) return bad("reserved bits");
  if ((opcode > 2 && opcode < 8) || opcode > 10) return bad("an unknown opcode");
  const bool is_masked = (second & 0x80U) != 0;
  if (is_masked != must_be_masked) return bad(is_masked ? "a mask" : "no mask");
  head.length = second & 0x7fU;
  if (is_control(head.opcode) && (!head.is_final || head.length > kMaxControl)) return bad("too much for its kind");
  const std::size_t more = head.length == 126 ? 2 : head.length == 127 ? 8 : 0;
  head.head_size = 2 + more + (is_masked ? 4 : 0);
  if (bytes.size() < head.head_size) return std::optional<FrameHead>();
  if (more > 0) {
    head.length = read_number(bytes.substr(2, more));
    const bool is_shortest = more == 2 ? head.length > kMaxControl : head.length > 0xffff;
    if (!is_shortest || head.length >> 63U != 0) return bad("a malformed length");
  }
  if (is_masked) {
    head.mask.emplace();
    std::memcpy(head.mask->data(), bytes.data() + 2 + more, head.mask->size());
  }
  return head;
}

std::string format_frame_head(Opcode opcode, std::size_t length, const std::optional<Mask>& mask) {
  std::string head;
  const std::uint8_t masked = mask ? 0x80 : 0;
  head.push_back(static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
  if (length <= kMaxControl) {
    head.push_back(static_cast<char>(masked | length));
  } else if (length <= 0xffff) {
    head.push_back(static_cast<char>(masked | 126U));
    append_number(head, length, 2);
  } else {
    head.push_back(static_cast<char>(masked | 127U));
    append_number(head, length, 8);
  }
  if (mask) head.append(reinterpret_cast<const char*>(mask->data()), mask->size());
  return head;
}

void apply_mask(std::span<char> bytes, const Mask& mask, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask[(offset + i) % 4]);
  }
}

bool is_close_code(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace brig::http
