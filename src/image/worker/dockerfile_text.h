#pragma once
/// The text of a Dockerfile: its logical lines, its words, and variables in them. Pure.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::image {

inline constexpr std::size_t kDockerfileMost = std::size_t{1} << 20;
inline constexpr std::size_t kExpandedMost = std::size_t{256} << 10;  ///< of one text after variables were put in

struct Heredoc {
  std::string name;
  std::string text;
  bool is_literal = false;  ///< the name was quoted: no variables in it
};

/// One instruction: continued lines joined, comments left out.
struct Instruction {
  std::uint32_t line = 0;  ///< of its beginning, from 1
  std::string name;        ///< upper-case: "RUN"
  std::string rest;        ///< behind the name, without blanks at its ends
  std::vector<Heredoc> heredocs;
};

struct DockerfileText {
  std::vector<Instruction> instructions;
  char escape = '\\';
};

/// kInvalidArgument "line LINE: what is wrong".
Result<DockerfileText> split_dockerfile(std::string_view text);

/// The value of a variable, or none.
using Lookup = std::function<std::optional<std::string>(const std::string&)>;

/// `text` with $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word} put in, quotes and escapes resolved, and cut into words
/// at blanks outside of quotes. kInvalidArgument for what is malformed, kExhausted for more than kExpandedMost.
Result<std::vector<std::string>> expanded_words(std::string_view text, char escape, const Lookup& lookup);
/// The same, not cut.
Result<std::string> expanded(std::string_view text, char escape, const Lookup& lookup);
/// Only variables; quotes stay (the body of a heredoc).
Result<std::string> with_variables(std::string_view text, char escape, const Lookup& lookup);

/// A JSON array of strings; none if the text is none, and then it is in the other form.
std::optional<std::vector<std::string>> exec_form(std::string_view text);

}  // namespace brig::image
