#pragma once
/// Content: what a tool answers, for a language model to read: bounded texts and pictures. Pure.
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/error.h"

namespace brig::api::mcp {

/// Of one text, head and tail together: what is beyond costs a model more than it tells.
inline constexpr std::size_t kTextMax = std::size_t{32} << 10;
/// Of all texts of one answer.
inline constexpr std::size_t kTextsMax = std::size_t{256} << 10;
/// Of one picture, and of all pictures of one answer: base64.
inline constexpr std::size_t kPictureMax = std::size_t{2} << 20;
inline constexpr std::size_t kPicturesMax = std::size_t{4} << 20;
inline constexpr std::size_t kPictureCountMax = 8;

/// At most `most` bytes of `text`, head and tail, whole characters, with a line between them that says what is missing.
std::string shortened(std::string_view text, std::size_t most = kTextMax);

class Content {
 public:
  /// A paragraph of the answer's text; its sentences are the model's only hint at what happened. Shortened. Nothing for
  /// an empty one; once the answer has kTextsMax, a sentence at its end says how much was left out.
  void say(std::string_view text);
  /// The same under a heading ("stderr"), on lines of its own.
  void say(std::string_view heading, std::string_view text);
  /// As it is: whoever says it has bounded it.
  void quote(std::string_view text) { text_ += text; }
  /// A picture, or a sentence that says why there is none.
  void show(std::string_view mime, std::string_view base64);

  /// {"content": […], "isError": …}: one text, then the pictures. Without any text it says "(no output)".
  [[nodiscard]] boost::json::object result(bool is_error) &&;

 private:
  std::string text_;
  std::size_t text_left_out_ = 0;  ///< bytes
  boost::json::array pictures_;
  std::size_t picture_bytes_ = 0;
  std::size_t left_out_ = 0;
};

/// "image/png" and the like, by the first bytes; empty for what no model can look at.
std::string_view picture_type(std::string_view bytes);

/// What failed, and what a model can do about it.
boost::json::object failure(const Error& error);

}  // namespace brig::api::mcp
