#include "http/head.h"

#include <algorithm>
#include <array>

namespace brig::http {
namespace {

using std::string_view_literals::operator""sv;

/// Methods that a handler may ever see. CONNECT and TRACE are no business of an API's server.
constexpr std::array kMethods = {"GET"sv, "HEAD"sv, "POST"sv, "PUT"sv, "DELETE"sv, "PATCH"sv, "OPTIONS"sv};
constexpr std::size_t kMaxMethod = 32;

std::unexpected<Refusal> bad(std::string sentence) {
  return std::unexpected(Refusal{.status = 400, .code = "bad_request", .sentence = std::move(sentence)});
}

/// The fields from `text`, which ends in CRLF CRLF (or is the CRLF after the first line alone).
std::expected<Headers, Refusal> parse_fields(std::string_view text, std::size_t most) {
  Headers headers;
  while (text != "\r\n") {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.starts_with(' ') || line.starts_with('\t')) return bad("a header line is folded");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header line has no colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name)) return bad("a header's name has characters that no name has");
    if (!is_field_value(value)) return bad("a header's value has control characters");
    if (headers.size() == most) {
      return std::unexpected(Refusal{
          .status = 431, .code = "too_many_headers", .sentence = "more than " + std::to_string(most) + " headers"});
    }
    headers.add(std::string(name), std::string(value));
  }
  return headers;
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

std::optional<RequestLine> split_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  return RequestLine{.method = line.substr(0, first),
                     .target = line.substr(first + 1, last - first - 1),
                     .version = line.substr(last + 1)};
}

bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && text[5] >= '0' && text[5] <= '9' && text[6] == '.' &&
         text[7] >= '0' && text[7] <= '9';
}

/// One Content-Length of digits, or one Transfer-Encoding "chunked", or neither: everything else is how requests are
/// smuggled past one of two readers.
template <class Head>
std::optional<Refusal> read_framing(Head& head, bool is_http_1_0) {
  const std::size_t lengths = head.headers.count("Content-Length");
  const std::size_t codings = head.headers.count("Transfer-Encoding");
  if (codings > 0) {
    if (lengths > 0) return bad("both Content-Length and Transfer-Encoding").error();
    if (codings > 1) return bad("more than one Transfer-Encoding").error();
    if (is_http_1_0) return bad("HTTP/1.0 knows no Transfer-Encoding").error();
    if (!equals_ignoring_case(head.headers.get("Transfer-Encoding"), "chunked")) {
      return Refusal{.status = 501,
                     .code = "unsupported_transfer_encoding",
                     .sentence = "the only transfer encoding known here is \"chunked\""};
    }
    head.framing = Framing::kChunked;
  } else if (lengths > 0) {
    if (lengths > 1) return bad("more than one Content-Length").error();
    const auto length = parse_length(head.headers.get("Content-Length"));
    if (!length) return bad("Content-Length is no number of bytes").error();
    head.framing = Framing::kLength;
    head.length = *length;
  }
  return std::nullopt;
}

bool is_authority(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || "-._~:[]%"sv.contains(c);
  });
}

std::optional<Refusal> check_host(const RequestHead& head) {
  const std::size_t hosts = head.headers.count("Host");
  if (hosts > 1) return bad("more than one Host").error();
  if (hosts == 0 && !head.is_http_1_0) return bad("HTTP/1.1 needs a Host").error();
  if (!is_authority(head.headers.get("Host"))) return bad("Host is no name and port").error();
  return std::nullopt;
}

}  // namespace

std::expected<std::optional<std::size_t>, Refusal> HeadScanner::scan(std::string_view bytes, std::size_t header_bytes) {
  while (scanned_ < bytes.size()) {
    const auto end = bytes.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = bytes.size();
      break;
    }
    if (end == 0 || bytes[end - 1] != '\r') return bad("a line ends in LF alone");
    if (!first_line_) first_line_ = end - 1;
    const bool is_last = end - 1 == line_ && line_ > 0;
    scanned_ = line_ = end + 1;
    if (is_last && scanned_ <= header_bytes) return scanned_;
    if (is_last) break;
  }
  if (scanned_ > header_bytes) {
    return std::unexpected(Refusal{.status = 431,
                                   .code = "header_too_large",
                                   .sentence = "the head is longer than " + std::to_string(header_bytes) + " bytes"});
  }
  return std::optional<std::size_t>();
}

std::optional<Refusal> refuse_request_line(std::string_view line, const Limits& limits) {
  const auto parts = split_request_line(line);
  // Exactly three parts: a blank or a bare CR inside the target is where another reader would end it.
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!parts || !is_token(parts->method) || !is_version(parts->version) || parts->target.empty() ||
      !std::ranges::all_of(parts->target, is_visible)) {
    return bad("the first line is no HTTP request").error();
  }
  if (parts->version != "HTTP/1.1" && parts->version != "HTTP/1.0") {
    return Refusal{.status = 505, .code = "version_not_supported", .sentence = "only HTTP/1.1 and HTTP/1.0 are spoken"};
  }
  if (parts->target.size() > limits.target_bytes) {
    return Refusal{.status = 414,
                   .code = "target_too_long",
                   .sentence = "the target is longer than " + std::to_string(limits.target_bytes) + " bytes"};
  }
  if (parts->method.size() > kMaxMethod || std::ranges::find(kMethods, parts->method) == kMethods.end()) {
    return Refusal{.status = 501, .code = "unknown_method", .sentence = "this method is not known here"};
  }
  return std::nullopt;
}

std::expected<RequestHead, Refusal> parse_request_head(std::string_view text, const Limits& limits) {
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  if (auto refusal = refuse_request_line(line, limits)) return std::unexpected(*std::move(refusal));
  const auto parts = split_request_line(line);
  RequestHead head;
  head.method = parts->method;
  head.target = parts->target;
  head.is_http_1_0 = parts->version == "HTTP/1.0";
  auto headers = parse_fields(text.substr(end + 2), limits.header_count);
  if (!headers) return std::unexpected(std::move(headers).error());
  head.headers = *std::move(headers);
  if (auto refusal = read_framing(head, head.is_http_1_0)) return std::unexpected(*std::move(refusal));
  if (auto refusal = check_host(head)) return std::unexpected(*std::move(refusal));
  if (const std::string* expect = head.headers.find("Expect")) {
    if (!equals_ignoring_case(*expect, "100-continue")) {
      return std::unexpected(Refusal{
          .status = 417, .code = "unknown_expectation", .sentence = "the only expectation known is 100-continue"});
    }
    head.expects_continue = !head.is_http_1_0 && head.framing != Framing::kNone;
  }
  head.may_keep_alive = head.is_http_1_0 ? head.headers.has_token("Connection", "keep-alive")
                                         : !head.headers.has_token("Connection", "close");
  return head;
}

std::expected<AnswerHead, Refusal> parse_answer_head(std::string_view text, std::string_view method) {
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  const bool is_digits =
      line.size() >= 12 && std::ranges::all_of(line.substr(9, 3), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_digits || !is_version(line.substr(0, 8)) || line[5] != '1' || line[8] != ' ' || line[9] == '0' ||
      (line.size() > 12 && line[12] != ' ') || !is_field_value(line)) {
    return bad("the first line is no HTTP answer");
  }
  AnswerHead head;
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  auto headers = parse_fields(text.substr(end + 2), 1000);
  if (!headers) return std::unexpected(std::move(headers).error());
  head.headers = *std::move(headers);
  const bool is_http_1_0 = line[7] == '0';
  if (auto refusal = read_framing(head, is_http_1_0)) return std::unexpected(*std::move(refusal));
  if (head.framing == Framing::kNone) head.framing = Framing::kUntilClose;
  if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) head.framing = Framing::kNone;
  head.may_keep_alive =
      is_http_1_0 ? head.headers.has_token("Connection", "keep-alive") : !head.headers.has_token("Connection", "close");
  if (head.framing == Framing::kUntilClose) head.may_keep_alive = false;
  return head;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

bool append_headers(std::string& out, const Headers& headers) {
  constexpr std::array kOwn = {"Connection"sv, "Content-Length"sv, "Transfer-Encoding"sv, "Keep-Alive"sv};
  for (const Field& field : headers) {
    if (!is_token(field.name) || !is_field_value(field.value)) return false;
    const auto is_it = [&](std::string_view own) { return equals_ignoring_case(own, field.name); };
    if (std::ranges::any_of(kOwn, is_it)) continue;
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return true;
}

}  // namespace brig::http
