#include "api/mcp/content.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "json/utf8.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view advice(Code code) {
  switch (code) {
    case Code::kExhausted: return "End what is not needed any more (kill_sandbox), or wait, and try again.";
    case Code::kUnavailable:
    case Code::kDeadline: return "Try again once; if it fails again, go on without.";
    case Code::kUnsupported: return "Another way is needed: this cannot be had here.";
    default: return {};
  }
}

}  // namespace

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t head = most / 2;
  std::size_t tail = text.size() - (most - head);
  while (head > 0 && is_continuation(text[head])) --head;
  while (tail < text.size() && is_continuation(text[tail])) ++tail;
  return std::string(text.substr(0, head)) + "\n[… " + std::to_string(tail - head) +
         " bytes left out: print less, or write it to a file and read the part that matters …]\n" +
         std::string(text.substr(tail));
}

void Content::say(std::string_view text) {
  if (text.empty()) return;
  if (text_.size() >= kTextsMax) {
    text_left_out_ += text.size();
    return;
  }
  if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  text_ += shortened(json::utf8_lossy(text), std::min(kTextMax, kTextsMax - std::min(text_.size(), kTextsMax)));
}

void Content::say(std::string_view heading, std::string_view text) {
  if (text.empty()) return;
  say("[" + std::string(heading) + "]");
  say(text);
}

void Content::show(std::string_view mime, std::string_view base64) {
  const bool is_too_large = base64.size() > kPictureMax || picture_bytes_ + base64.size() > kPicturesMax;
  if (is_too_large || pictures_.size() >= kPictureCountMax) {
    ++left_out_;
    return;
  }
  picture_bytes_ += base64.size();
  pictures_.push_back(bj::object{{"type", "image"}, {"data", std::string(base64)}, {"mimeType", std::string(mime)}});
}

bj::object Content::result(bool is_error) && {
  if (left_out_ > 0) {
    if (!text_.empty() && text_.back() != '\n') text_ += '\n';
    text_ += std::to_string(left_out_) +
             " picture(s) left out: too many or too large for one answer. Show fewer, with a smaller figsize or dpi.";
  }
  if (text_left_out_ > 0)
    text_ += "\n[" + std::to_string(text_left_out_) + " more bytes of text left out: an answer has at most " +
             std::to_string(kTextsMax >> 10U) + " KiB]\n";
  if (text_.empty() && pictures_.empty()) text_ = "(no output)";
  bj::array items;
  if (!text_.empty()) items.push_back(bj::object{{"type", "text"}, {"text", std::move(text_)}});
  for (bj::value& picture : pictures_) items.push_back(std::move(picture));
  return {{"content", std::move(items)}, {"isError", is_error}};
}

std::string_view picture_type(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
  if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv)) return "image/gif";
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv)) return "image/webp";
  return {};
}

bj::object failure(const Error& error) {
  Content content;
  std::string sentence = error.message();
  if (const std::string_view what = advice(error.code()); !what.empty()) sentence += ". " + std::string(what);
  content.say(sentence);
  return std::move(content).result(true);
}

}  // namespace brig::api::mcp
