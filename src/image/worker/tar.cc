#include "image/worker/tar.h"

#include <algorithm>
#include <array>

#include "base/number.h"
#include "base/text.h"
#include "image/worker/member_path.h"

namespace brig::image {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kExtensionMost = std::uint64_t{1} << 20;
constexpr std::uint64_t kSizeMost = std::uint64_t{1} << 42;
constexpr std::size_t kExtensionsMost = 16;  ///< headers about one member

Error broken(const std::string& what) { return {Code::kInvalidArgument, "it is no sound tar: " + what}; }

/// A field of a header block.
struct Place {
  std::size_t at;
  std::size_t size;
};
constexpr Place kName{0, 100};
constexpr Place kMode{100, 8};
constexpr Place kSize{124, 12};
constexpr Place kTime{136, 12};
constexpr Place kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Place kLinkName{157, 100};
constexpr Place kMagic{257, 8};
constexpr Place kPrefix{345, 155};

using Block = std::array<char, kBlock>;

std::string_view field(const Block& block, Place place) {
  return std::string_view(block.data() + place.at, place.size);
}

/// A text that ends with NUL or with its field.
std::string_view text_field(const Block& block, Place place) {
  const std::string_view all = field(block, place);
  return all.substr(0, all.find('\0'));
}

/// Octal digits between blanks, or GNU's binary form. None if it is neither; below zero is 0 (times before 1970).
std::optional<std::uint64_t> number_field(const Block& block, Place place) {
  std::string_view text = field(block, place);
  if ((static_cast<unsigned char>(text.front()) & 0x80U) != 0) {
    if ((static_cast<unsigned char>(text.front()) & 0x40U) != 0) return 0;  // negative
    std::uint64_t value = static_cast<unsigned char>(text.front()) & 0x3fU;
    for (const char c : text.substr(1)) {
      if (value > (UINT64_MAX >> 9U)) return std::nullopt;
      value = (value << 8U) | static_cast<unsigned char>(c);
    }
    return value;
  }
  text = text.substr(0, text.find('\0'));
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || value > (UINT64_MAX >> 4U)) return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool is_checksum_right(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool is_own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += is_own ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
  }
  return number_field(block, kChecksum) == sum;
}

std::optional<MemberType> type_of(char type, std::string_view path) {
  switch (type) {
    case '0':
    case '\0': return path.ends_with('/') ? MemberType::kFolder : MemberType::kFile;  // as before there was '5'
    case '7': return MemberType::kFile;
    case '1': return MemberType::kHardLink;
    case '2': return MemberType::kSymlink;
    case '3':
    case '4': return MemberType::kDevice;
    case '5': return MemberType::kFolder;
    case '6': return MemberType::kFifo;
    default: return std::nullopt;
  }
}

bool is_extension(char type) { return type == 'x' || type == 'g' || type == 'L' || type == 'K'; }

std::string header_path(const Block& block) {
  std::string path(text_field(block, kName));
  // GNU's own form has other things where POSIX has the prefix.
  if (field(block, kMagic).starts_with(std::string_view("ustar\0", 6)) && !text_field(block, kPrefix).empty())
    path = std::string(text_field(block, kPrefix)) + "/" + path;
  return path;
}

}  // namespace

/// What headers before a member say about it.
struct TarReader::Extended {
  std::optional<std::string> path;
  std::optional<std::string> target;
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t> mtime;
  bool has_attributes = false;

  Result<> take(std::string_view key, std::string_view value) {
    if (key == "path" || key == "linkpath") {
      if (value.contains('\0')) return broken("a name contains a NUL byte");
      (key == "path" ? path : target) = std::string(value);
    } else if (key == "size") {
      size = whole_number<std::uint64_t>(value);
      if (!size) return broken("\"size\" is no number");
    } else if (key == "mtime") {
      if (value.starts_with('-')) mtime = 0;
      else
        mtime = static_cast<std::int64_t>(whole_number<std::uint64_t>(value.substr(0, value.find('.'))).value_or(0) &
                                          INT64_MAX);
    } else if (key.starts_with("GNU.sparse.")) {
      return Error(Code::kUnsupported,
                   "it has a sparse file, which no container tool writes: pack it without --sparse");
    } else if (key.starts_with("SCHILY.xattr.") || key.starts_with("LIBARCHIVE.xattr.")) {
      has_attributes = true;
    }
    return {};
  }

  /// "LENGTH KEY=VALUE\n" and so on.
  Result<> take_all(std::string_view text) {
    while (!text.empty()) {
      const std::size_t blank = text.find(' ');
      const auto length = whole_number<std::size_t>(text.substr(0, std::min(blank, std::size_t{20})));
      if (blank == std::string_view::npos || !length || *length <= blank + 1 || *length > text.size() ||
          text[*length - 1] != '\n')
        return broken("an extended header is malformed");
      const std::string_view record = text.substr(blank + 1, *length - blank - 2);
      const std::size_t equals = record.find('=');
      if (equals == std::string_view::npos) return broken("an extended header is malformed");
      TRY(take(record.substr(0, equals), record.substr(equals + 1)));
      text.remove_prefix(*length);
    }
    return {};
  }
};

Result<bool> TarReader::read_block(std::span<char> block) {
  const std::size_t count = TRY(read_full(from_, block));
  if (count != block.size()) return broken("it ends too early");
  position_ += count;
  return std::ranges::any_of(block, [](char c) { return c != '\0'; });
}

Result<> TarReader::leave_member() {
  const std::uint64_t rest = left_ + padding_;
  if (rest > 0) {
    if (!from_.skip(rest)) return broken("it ends too early");
    position_ += rest;
  }
  left_ = 0;
  padding_ = 0;
  return {};
}

Result<std::string> TarReader::read_text(std::uint64_t size, std::string_view what) {
  if (size > kExtensionMost) return broken(std::string(what) + " is too long");
  std::string text(static_cast<std::size_t>(size), '\0');
  left_ = size;
  padding_ = (kBlock - size % kBlock) % kBlock;
  if (TRY(read_full(from_, text)) != text.size()) return broken("it ends too early");
  position_ += text.size();
  left_ = 0;
  TRY(leave_member());
  return text;
}

Result<> TarReader::read_extension(char type, std::uint64_t size, Extended& extended) {
  std::string text = TRY(read_text(size, "an extended header"));
  if (type == 'x') return extended.take_all(text);
  if (type == 'g') {  // about all members: comments and the like; never a name or a size
    Extended global;
    TRY(global.take_all(text));
    if (global.path || global.target || global.size) return broken("a global header names or sizes every member");
    return {};
  }
  text.resize(std::min(text.size(), text.find('\0')));
  (type == 'L' ? extended.path : extended.target) = std::move(text);
  return {};
}

Result<std::optional<Member>> TarReader::next() {
  TRY(leave_member());
  Extended extended;
  for (std::size_t headers = 0; headers < kExtensionsMost; ++headers) {
    Block block{};
    if (!TRY(read_block(block))) return std::optional<Member>();
    if (!is_checksum_right(block)) return broken("the checksum of a header is wrong");
    const char type = block[kType];
    const auto size = number_field(block, kSize);
    const auto mode = number_field(block, kMode);
    const auto time = number_field(block, kTime);
    if (!size || !mode || !time) return broken("a header has a malformed number");
    if (is_extension(type)) {
      TRY(read_extension(type, *size, extended));
      continue;
    }
    Member member{.path = extended.path ? *extended.path : header_path(block),
                  .target = extended.target ? *extended.target : std::string(text_field(block, kLinkName)),
                  .mode = static_cast<std::uint32_t>(*mode & 07777U),
                  .mtime = extended.mtime.value_or(static_cast<std::int64_t>(*time & INT64_MAX)),
                  .has_attributes = extended.has_attributes};
    const auto known = type_of(type, member.path);
    if (!known) {
      return Error(Code::kUnsupported, "it has a member of a kind that container tools do not write ('" +
                                           printable(std::string_view(&type, 1)) + "', " + printable(member.path, 200) +
                                           ")");
    }
    member.type = *known;
    if (member.type == MemberType::kFile) {
      member.size = extended.size.value_or(*size);
      if (member.size > kSizeMost) return broken("a file is larger than any");
      left_ = member.size;
      padding_ = (kBlock - left_ % kBlock) % kBlock;
    }
    return std::optional<Member>(std::move(member));
  }
  return broken("one member has more than " + std::to_string(kExtensionsMost) + " headers");
}

Result<std::size_t> TarReader::read_some(std::span<char> buffer) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
  if (wanted == 0) return std::size_t{0};
  const std::size_t count = TRY(from_.read_some(buffer.first(wanted)));
  if (count == 0) return broken("it ends too early");
  left_ -= count;
  position_ += count;
  return count;
}

}  // namespace brig::image
