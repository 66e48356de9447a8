#include "runtimes/engine/tree.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace brig::runtimes::engine {
namespace {

using Kind = Tree::Entry::Kind;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameMax = 99;  ///< in a header

/// /dev and what is in it are the engine's; the scratch's own folders are made with it.
bool is_elsewhere(std::string_view path) {
  return path == "dev" || path.starts_with("dev/") || path.starts_with("tmp/");
}

/// One step, or false if an engine cannot do it.
struct Reading {
  Tree& tree;

  bool operator()(const process::MakeFolder& step) const {
    if (step.path.starts_with("tmp/"))
      tree.scratch.push_back({.from = step.path.substr(4), .path = {}, .mode = step.mode});
    else if (!is_elsewhere(step.path))
      tree.entries.push_back({.kind = Kind::kFolder, .path = step.path, .text = {}, .mode = step.mode});
    return true;
  }
  bool operator()(const process::MakeLink& step) const {
    // A link to /tmp on the other walls; here /tmp is shown there once more (body.cc).
    if (step.path == "var/tmp")
      tree.entries.push_back({.kind = Kind::kFolder, .path = step.path, .text = {}, .mode = 01777});
    else if (!is_elsewhere(step.path))
      tree.entries.push_back({.kind = Kind::kLink, .path = step.path, .text = step.target, .mode = 0777});
    return true;
  }
  bool operator()(const process::WriteFile& step) const {
    if (step.path == "dev/.stat") tree.quiet_stat = step.text;
    else if (!is_elsewhere(step.path))
      tree.entries.push_back({.kind = Kind::kFile, .path = step.path, .text = step.text, .mode = 0644});
    return true;
  }
  bool operator()(const process::BindHost& step) const {
    if (is_elsewhere(step.path)) return true;
    if (step.host != "/" + step.path) return false;
    tree.shown.push_back(step.host);
    return true;
  }
  bool operator()(const process::MountTmpfs& step) const {
    tree.bytes = step.bytes;
    tree.inodes = step.inodes;
    return step.path == "tmp";
  }
  bool operator()(const process::BindInside& step) const {
    const auto part = std::ranges::find_if(
        tree.scratch, [&](const Tree::Scratch& scratch) { return "tmp/" + scratch.from == step.from; });
    if (part == tree.scratch.end()) return false;
    part->path = step.path;
    return true;
  }
  bool operator()(const auto& /*step*/) const { return false; }
};

/// One header of ustar (pax(1)).
class Header {
 public:
  Header(const Tree::Entry& entry, char type, std::size_t size) {
    put(0, entry.path);
    octal(100, 8, entry.mode);
    octal(108, 8, 0);
    octal(116, 8, 0);
    octal(124, 12, size);
    octal(136, 12, 0);
    block_[156] = type;
    if (entry.kind == Kind::kLink) put(157, entry.text);
    put(257, "ustar");
    put(263, "00");
    std::memset(block_.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : block_) sum += static_cast<unsigned char>(c);
    octal(148, 8, sum);
  }
  [[nodiscard]] std::string_view text() const { return {block_.data(), block_.size()}; }

 private:
  void put(std::size_t at, std::string_view text) {
    std::memcpy(block_.data() + at, text.data(), std::min(text.size(), kNameMax));
  }
  /// Zeros in front, a NUL behind.
  void octal(std::size_t at, std::size_t size, std::uint64_t number) {
    for (std::size_t i = size - 1; i-- > 0; number /= 8) block_[at + i] = static_cast<char>('0' + number % 8);
  }
  std::array<char, kBlock> block_{};
};

}  // namespace

Result<Tree> read_tree(const process::JailPlan& plan) {
  Tree tree;
  for (const process::Step& step : plan.steps) {
    if (!std::visit(Reading{tree}, step))
      return Error(Code::kInternal, "an engine cannot do this step: " + process::describe(step));
  }
  for (Tree::Entry& entry : tree.entries) {
    // Where an engine puts an empty file system it keeps the mode of the folder below.
    if (std::ranges::find(tree.scratch, entry.path, &Tree::Scratch::path) != tree.scratch.end()) entry.mode = 01777;
    const bool is_long = entry.path.size() > kNameMax || (entry.kind == Kind::kLink && entry.text.size() > kNameMax);
    if (is_long) return Error(Code::kUnsupported, "the name /" + entry.path + " is too long for an archive");
  }
  return tree;
}

std::string archive_of(const std::vector<Tree::Entry>& entries) {
  std::string archive;
  for (const Tree::Entry& entry : entries) {
    const bool is_file = entry.kind == Kind::kFile;
    const char type = is_file ? '0' : entry.kind == Kind::kLink ? '2' : '5';
    archive += Header(entry, type, is_file ? entry.text.size() : 0).text();
    if (!is_file) continue;
    archive += entry.text;
    archive.resize((archive.size() + kBlock - 1) / kBlock * kBlock);
  }
  return archive + std::string(2 * kBlock, '\0');
}

std::string image_name(std::string_view archive) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : archive) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::array<char, 17> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
  return "localhost/brig-host-" + std::string(digits.data(), end) + ":latest";
}

}  // namespace brig::runtimes::engine
