#include "image/worker/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "base/text.h"
#include "image/worker/beneath.h"
#include "image/worker/decode.h"
#include "image/worker/member_path.h"
#include "image/worker/patterns.h"

namespace brig::image {
namespace {

constexpr std::size_t kMembersMost = 200'000;
constexpr std::size_t kIgnoreMost = std::size_t{1} << 20;

std::string shown(std::string_view path) { return "\"" + printable(path, 200) + "\""; }

/// A tar by its first block, or what is compressed as one would be.
Result<bool> is_archive(FdRef tar, const Picked& picked) {
  std::array<char, 512> block{};
  FileStream bytes(tar, picked.begin, picked.begin + picked.member->size);
  const std::string_view start(block.data(), TRY(read_full(bytes, block)));
  return start.starts_with("\x1f\x8b") || start.starts_with("\x28\xb5\x2f\xfd") ||
         start.starts_with(
             "\xfd"
             "7zXZ") ||
         start.starts_with("BZh") || (start.size() == 512 && start.substr(257, 5) == "ustar");
}

/// The folder at `path`, made where it is missing. Links are the root's own and are followed inside it.
Result<Fd> open_or_make(FdRef root, std::string_view path) {
  auto open = open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0, Links::kInFolder);
  if (open || open.error().os_error() != ENOENT || path.empty()) return open;
  const Fd parent = TRY(open_or_make(root, parent_of(path)));
  if (::mkdirat(parent.get(), std::string(name_of(path)).c_str(), 0755) != 0 && errno != EEXIST)
    return Error::last_system("make the folder " + shown(path));
  return open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0, Links::kInFolder);
}

Contents contents_of(FileStream& bytes) {
  return [&bytes](std::span<char> buffer) { return bytes.read_some(buffer); };
}

Result<> unpack_archive(FdRef tar, const Picked& picked, Tree& tree) {
  FileStream packed(tar, picked.begin, picked.begin + picked.member->size);
  const auto plain = TRY(decode(packed));
  TarReader reader(*plain);
  const Contents contents = [&reader](std::span<char> buffer) { return reader.read_some(buffer); };
  while (const auto member = TRY(reader.next())) TRY(tree.add(*member, contents));
  return {};
}

Result<> put(Tree& tree, const Picked& picked, FdRef tar, std::uint32_t mode) {
  Member member = *picked.member;
  member.path = picked.to;
  if (mode != 0) member.mode = mode;
  FileStream bytes(tar, picked.begin, picked.begin + member.size);
  return tree.add(member, contents_of(bytes));
}

}  // namespace

Result<Context> Context::open(FdRef tar) {
  Context context(tar);
  FileStream bytes = TRY(FileStream::whole(tar));
  TarReader reader(bytes);
  while (auto member = TRY(reader.next())) {
    const std::string path = TRY(clean_member_path(member->path));
    if (context.places_.size() == kMembersMost)
      return Error(Code::kExhausted, "the context has more than " + std::to_string(kMembersMost) +
                                         " files: leave some out in .dockerignore");
    if (!path.empty()) context.places_[path] = {.member = *std::move(member), .begin = reader.position()};
  }
  // A hard link of tar's is one more name for a file that came before.
  for (auto& [path, place] : context.places_) {
    if (place.member.type != MemberType::kHardLink) continue;
    const auto target = context.places_.find(TRY(clean_member_path(place.member.target)));
    if (target == context.places_.end() || target->second.member.type != MemberType::kFile)
      return Error(Code::kInvalidArgument, shown(path) + " is a link to nothing in the context");
    place = target->second;
  }
  const auto ignore = context.places_.find(".dockerignore");
  if (ignore == context.places_.end() || ignore->second.member.type != MemberType::kFile) return context;
  FileStream text(tar, ignore->second.begin, ignore->second.begin + ignore->second.member.size);
  const std::string lines = TRY(read_whole(text, kIgnoreMost).context(".dockerignore"));
  const IgnoreList list = TRY(IgnoreList::parse(lines).context(".dockerignore"));
  TRY(context.leave_out(list).context(".dockerignore"));
  return context;
}

/// A folder that is left out stands for what is below it, unless some of that is kept.
Result<> Context::leave_out(const IgnoreList& list) {
  std::vector<std::string> out;
  for (auto at = places_.begin(); at != places_.end();) {
    const bool is_ignored = TRY(list.ignores(at->first));
    if (is_ignored) out.push_back(at->first);
    at = is_ignored ? places_.erase(at) : std::next(at);
  }
  const auto has_kept = [this](const std::string& folder) {
    const auto next = places_.lower_bound(folder + "/");
    return next != places_.end() && next->first.starts_with(folder + "/");
  };
  std::ranges::sort(out, {}, [](const std::string& path) { return path + "/"; });  // what is below comes next
  for (std::string& path : out) {
    if (ignored_.size() == kIgnoredMost) break;
    const bool is_within = !ignored_.empty() && path.starts_with(ignored_.back() + "/");
    if (!is_within && !has_kept(path)) ignored_.push_back(std::move(path));
  }
  return {};
}

Result<> Context::pick_one(const std::string& source, std::vector<Picked>& picked) const {
  std::string_view bare = source;
  while (bare.starts_with('/')) bare.remove_prefix(1);
  const std::string wanted = bare.empty() ? std::string() : TRY(clean_member_path(bare));
  const auto take_below = [&](const std::string& folder) {
    const std::string start = folder.empty() ? "" : folder + "/";
    for (auto at = places_.lower_bound(start); at != places_.end() && at->first.starts_with(start); ++at)
      picked.push_back({.member = &at->second.member, .begin = at->second.begin, .to = at->first.substr(start.size())});
  };
  if (wanted.empty()) {
    take_below("");
    return {};
  }
  bool is_found = false;
  for (const auto& [path, place] : places_) {
    if (is_pattern(wanted) ? !TRY(matches(wanted, path)) : path != wanted) continue;
    is_found = true;
    if (place.member.type == MemberType::kFolder) take_below(path);
    else
      picked.push_back(
          {.member = &place.member, .begin = place.begin, .to = std::string(name_of(path)), .is_named = true});
  }
  if (is_found) return {};
  return Error(Code::kNotFound, shown(source) + " is not in the context (or .dockerignore leaves it out)");
}

Result<std::vector<Picked>> Context::pick(const PlanStep& step) const {
  std::vector<Picked> picked;
  for (const std::string& source : step.sources) TRY(pick_one(source, picked));
  return picked;
}

Result<> make_folder(FdRef root, std::string_view path) {
  TRY(open_or_make(root, path.substr(path.starts_with('/') ? 1 : 0)));
  return {};
}

Result<> copy_into(FdRef root, FdRef tar, const Context& context, const PlanStep& step) {
  const auto picked = TRY(context.pick(step));
  std::string_view to = std::string_view(step.destination).substr(1);
  bool is_folder = step.destination.ends_with('/');
  if (is_folder && !to.empty()) to.remove_suffix(1);
  // One file goes to the name that is said, unless a folder is there.
  const bool is_one_file = step.sources.size() + step.texts.size() == 1 &&
                           (picked.empty() || (picked.size() == 1 && picked.front().is_named));
  if (!is_folder && is_one_file)
    is_folder = open_beneath(root, to, O_RDONLY | O_DIRECTORY, 0, Links::kInFolder).has_value();
  const bool is_renamed = is_one_file && !is_folder;
  const Fd folder = TRY(open_or_make(root, is_renamed ? parent_of(to) : to));
  Tree tree(folder.ref(), {}, Place::kAnywhere);
  tree.begin_layer(Whiteouts::kPlain);
  for (Picked one : picked) {
    if (step.unpacks && one.is_named && one.member->type == MemberType::kFile && TRY(is_archive(tar, one))) {
      const Fd whole = TRY(open_or_make(root, to));
      Tree inner(whole.ref(), {}, Place::kAnywhere);
      inner.begin_layer(Whiteouts::kPlain);
      TRY(unpack_archive(tar, one, inner).context(shown(one.to)));
      continue;
    }
    if (is_renamed) one.to = name_of(to);
    TRY(put(tree, one, tar, step.mode));
  }
  for (const InlineFile& file : step.texts) {
    TextStream text(file.text);
    const Member member{.path = is_renamed ? std::string(name_of(to)) : file.name,
                        .mode = step.mode != 0 ? step.mode : 0644};
    TRY(tree.add(member, [&text](std::span<char> buffer) { return text.read_some(buffer); }));
  }
  return {};
}

}  // namespace brig::image
