#include "sandboxes/archive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/buffer.h"
#include "base/text.h"

namespace brig::sandboxes {
namespace {

constexpr std::size_t kLineMost = std::size_t{16} << 10;
constexpr std::size_t kShown = 200;

/// Cuts what a tool says into lines and asks a judge about each.
class Lines {
 public:
  using Judge = std::optional<std::string> (*)(std::string_view);
  explicit Lines(Judge judge) : judge_(judge) {}

  Result<> take(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      line_.append(text.substr(0, end));
      if (line_.size() > kLineMost)
        return refuse("an entry has a name of more than " + std::to_string(kLineMost) + " bytes");
      if (end == std::string_view::npos) return {};
      text.remove_prefix(end + 1);
      if (auto why = judge_(line_)) return refuse(*std::move(why));
      line_.clear();
    }
    return {};
  }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  Result<> refuse(std::string why) {
    refusal_ = std::move(why);
    return Error(Code::kDenied, refusal_);
  }

  Judge judge_;
  std::string line_;
  std::string refusal_;
};

Task<> take_lines(Lines& lines, std::string_view text) { co_return lines.take(text); }

/// What of `text` follows its first `count` words.
std::string_view after_words(std::string_view text, int count) {
  for (; count > 0; --count) {
    text.remove_prefix(std::min(text.find(' '), text.size()));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return text;
}

/// Whether a link of this name, followed, stays in the folder; by the names alone.
bool stays_inside(std::string_view name, std::string_view target) {
  if (target.empty() || target.starts_with('/')) return false;
  int depth = 0;
  const auto walk = [&depth](std::string_view path) {
    while (!path.empty()) {
      const auto end = path.find('/');
      const std::string_view part = path.substr(0, end);
      path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
      if (part.empty() || part == ".") continue;
      depth += part == ".." ? -1 : 1;
      if (depth < 0) return false;
    }
    return true;
  };
  const auto slash = name.rfind('/');
  return walk(slash == std::string_view::npos ? std::string_view() : name.substr(0, slash)) && walk(target);
}

std::string first_line(std::string_view text) { return printable(text.substr(0, text.find('\n')), kShown); }

bool is_no_space(const ToolEnd& end) {
  return end.is_disk_full || end.complaint.contains("No space left") || end.complaint.contains("quota exceeded");
}

/// The archive from its beginning, of which some was read already.
class Rewound {
 public:
  explicit Rewound(guest::ByteSource rest) : rest_(std::move(rest)), head_(kHead) {}

  /// Whether it begins as gzip does.
  Task<bool> is_gzip() {
    while (size_ < kHead) {
      CO_TRY(const std::size_t count, co_await rest_(head_.bytes().subspan(size_)));
      if (count == 0) break;
      size_ += count;
    }
    const auto bytes = head_.bytes();
    co_return size_ >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
  }
  Task<std::size_t> read(std::span<std::byte> buffer) {
    if (at_ == size_) co_return co_await rest_(buffer);
    const std::size_t count = std::min(buffer.size(), size_ - at_);
    std::memcpy(buffer.data(), head_.bytes().data() + at_, count);
    at_ += count;
    co_return count;
  }

 private:
  static constexpr std::size_t kHead = 2;
  guest::ByteSource rest_;
  Buffer head_;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
};

Task<> drop(std::string_view /*text*/) { co_return Result<>(); }

}  // namespace

/// "lrwxrwxrwx 0/0  0 2026-11-21 09:14 NAME -> TARGET"; control characters and blanks' escapes are tar's.
std::optional<std::string> refuse_listed(std::string_view line) {
  if (line.empty()) return std::nullopt;
  constexpr int kColumns = 5;
  const std::string_view entry = after_words(line, kColumns);
  if (line.front() == 'b' || line.front() == 'c') return "a device: " + printable(entry, kShown);
  if (line.front() != 'l') return std::nullopt;
  constexpr std::string_view kArrow = " -> ";
  const auto arrow = entry.find(kArrow);
  if (arrow == std::string_view::npos || entry.find(kArrow, arrow + 1) != std::string_view::npos)
    return "a link whose name cannot be told from its target: " + printable(entry, kShown);
  if (stays_inside(entry.substr(0, arrow), entry.substr(arrow + kArrow.size()))) return std::nullopt;
  return "a link that leads out of the folder: " + printable(entry, kShown);
}

std::optional<std::string> refuse_complaint(std::string_view line) {
  if (line.contains("Removing leading `") && line.contains("hard link targets"))
    return "a hard link to something outside the folder";
  if (line.contains("Removing leading `")) return "an absolute name, or one with \"..\"";
  if (line.contains("Member name contains '..'")) return "a name with \"..\": " + printable(line, kShown);
  return std::nullopt;
}

Task<Unpacked> unpack(std::shared_ptr<Sandbox> sandbox, GuestPath folder, guest::ByteSource archive) {
  CO_TRY(guest::Session * session, sandbox->session());
  CO_TRY_VOID(co_await session->make_dir(folder, 0755, true));
  Rewound rewound(std::move(archive));
  CO_TRY(const bool is_gzip, co_await rewound.is_gzip());
  std::vector<std::string> argv{
      "tar", "-x", "-vv", "--numeric-owner", "--no-same-owner", "--quoting-style=escape", "--warning=no-timestamp",
      "-f",  "-",  "-C",  folder.text()};
  if (is_gzip) argv.emplace_back("-z");
  Lines listed(refuse_listed);
  Lines complaints(refuse_complaint);
  auto ended =
      co_await run_tool(sandbox, {.argv = std::move(argv),
                                  .input = [&rewound](std::span<std::byte> buffer) { return rewound.read(buffer); },
                                  .output = [&listed](std::string_view text) { return take_lines(listed, text); },
                                  .complaint = [&complaints](std::string_view text) { return complaints.take(text); }});
  for (const Lines* lines : {&listed, &complaints}) {
    if (!lines->refusal().empty())
      co_return Unpacked{.outcome = Unpacked::Outcome::kRefused,
                         .sentence = "the archive has an entry that is refused: " + lines->refusal()};
  }
  if (!ended) co_return std::move(ended).error();
  if (ended->exit_code == 0) co_return Unpacked{};
  if (is_no_space(*ended))
    co_return Unpacked{.outcome = Unpacked::Outcome::kNoSpace,
                       .sentence = "what the archive holds does not fit on the sandbox's disk"};
  co_return Unpacked{.outcome = Unpacked::Outcome::kBroken,
                     .sentence = "the archive could not be unpacked: " + first_line(ended->complaint)};
}

namespace {

/// tar's 1 is a file that changed while it was read, which a sandbox that lives may do.
Result<> check_packed(const ToolEnd& end) {
  if (end.exit_code <= 1) return {};
  return Error(Code::kConflict, "not everything could be read: " + first_line(end.complaint));
}

}  // namespace

Task<> pack(std::shared_ptr<Sandbox> sandbox, GuestPath path, bool is_gzip, ToolOutput output) {
  CO_TRY(guest::Session * session, sandbox->session());
  CO_TRY(const guest::FileEntry entry, co_await session->stat(path));
  const bool is_folder = entry.type == guest::FileType::kFolder;
  const std::string folder = path.text().substr(0, path.text().rfind('/'));
  std::vector<std::string> argv{"tar", "-c", "-f", "-", "-C", is_folder ? path.text() : folder.empty() ? "/" : folder};
  if (is_gzip) argv.emplace_back("-z");
  argv.emplace_back("--");
  argv.emplace_back(is_folder ? "." : std::string(path.name()));
  CO_TRY(const ToolEnd end, co_await run_tool(sandbox, {.argv = std::move(argv), .output = std::move(output)}));
  co_return check_packed(end);
}

Task<> pack_state(std::shared_ptr<Sandbox> sandbox, ToolOutput output) {
  CO_TRY(const ToolEnd end, co_await run_tool(sandbox, {.argv = {"tar", "-c", "--sparse", "--numeric-owner", "-f", "-",
                                                                 "-C", "/", "--", "workspace", "home/user", "tmp"},
                                                        .output = std::move(output)}));
  co_return check_packed(end);
}

Task<> unpack_state(std::shared_ptr<Sandbox> sandbox, guest::ByteSource archive) {
  CO_TRY(const ToolEnd end,
         co_await run_tool(sandbox, {.argv = {"tar", "-x", "-p", "--no-same-owner", "--no-overwrite-dir",
                                              "--warning=no-timestamp", "-f", "-", "-C", "/"},
                                     .input = std::move(archive),
                                     .output = drop}));
  if (end.exit_code == 0) co_return Result<>();
  if (is_no_space(end)) co_return Error(Code::kExhausted, "the snapshot does not fit on the new sandbox's disk");
  co_return Error(Code::kConflict, "the snapshot could not be unpacked: " + first_line(end.complaint));
}

}  // namespace brig::sandboxes
