#include "builds/context_tar.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/text.h"

namespace brig::builds {
namespace {

constexpr std::size_t kBlock = 512;

/// A field of a header: octal digits and a NUL.
void put_number(std::span<char> field, std::uint64_t value) {
  for (std::size_t i = field.size() - 1; i-- > 0; value >>= 3U) field[i] = static_cast<char>('0' + (value & 7U));
}

std::string header(std::string_view name, char type, std::uint64_t mode, std::uint64_t size) {
  std::string block(kBlock, '\0');
  const auto field = [&block](std::size_t at, std::size_t length) { return std::span(block).subspan(at, length); };
  block.replace(0, std::min<std::size_t>(name.size(), 100), name.substr(0, 100));
  put_number(field(100, 8), mode);
  put_number(field(108, 8), 0);
  put_number(field(116, 8), 0);
  put_number(field(124, 12), size);
  put_number(field(136, 12), 0);
  std::ranges::fill(field(148, 8), ' ');
  block[156] = type;
  block.replace(257, 8, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_number(field(148, 7), sum);
  return block;
}

std::string padding(std::uint64_t size) { return std::string((kBlock - size % kBlock) % kBlock, '\0'); }

/// "LENGTH path=VALUE\n", whose length counts its own digits.
std::string path_record(std::string_view path) {
  const std::string rest = " path=" + std::string(path) + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

/// What says the name of the member behind it.
std::string named(std::string_view path) {
  const std::string record = path_record(path);
  return header("path", 'x', 0644, record.size()) + record + padding(record.size());
}

Error refused(std::string_view path, std::string_view why) {
  return {Code::kInvalidArgument, "the context's file \"" + printable(path, 200) + "\" " + std::string(why)};
}

}  // namespace

Result<> check_context_path(std::string_view path) {
  if (path.empty() || path.size() > kContextPathMost)
    return refused(path, "has no name of 1 to " + std::to_string(kContextPathMost) + " bytes");
  if (!is_utf8(path) ||
      std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; }))
    return refused(path, "has a name with control characters or backslashes");
  if (std::ranges::count(path, '/') >= static_cast<std::ptrdiff_t>(kContextPartsMost))
    return refused(path, "lies deeper than " + std::to_string(kContextPartsMost) + " folders");
  for (std::string_view rest = path; true;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return refused(path, "is no relative path in its shortest form");
    if (part.size() > 255) return refused(path, "has a part that is longer than 255 bytes");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<> ContextTar::begin(std::string_view path) {
  TRY(check_context_path(path));
  if (files_.contains(path)) return refused(path, "comes twice");
  if (folders_.contains(path)) return refused(path, "is a folder of another file");
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (files_.contains(path.substr(0, slash))) return refused(path, "lies below a file");
    const std::string_view folder = path.substr(0, slash);
    if (folders_.contains(folder)) continue;
    if (folders_.size() >= kContextFoldersMost)
      return Error(Code::kExhausted, "the context has more than " + std::to_string(kContextFoldersMost) + " folders");
    folders_.emplace(folder);  // a step may copy a folder by its name
    TRY(upload_.append(named(folder) + header("folder", '5', 0755, 0)));
  }
  files_.emplace(path);
  TRY(upload_.append(named(path)));
  header_ = upload_.size();
  return upload_.append(std::string(kBlock, '\0'));  // its size is known in the end
}

Result<> ContextTar::append(std::span<const std::byte> bytes) { return upload_.append(bytes); }

Result<> ContextTar::end() {
  const std::uint64_t size = upload_.size() - header_ - kBlock;
  TRY(upload_.rewrite(header_, header("file", '0', 0644, size)));
  return upload_.append(padding(size));
}

Result<> ContextTar::finish() { return upload_.append(std::string(2 * kBlock, '\0')); }

}  // namespace brig::builds
