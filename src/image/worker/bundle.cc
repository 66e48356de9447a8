#include "image/worker/bundle.h"

#include "base/text.h"
#include "image/worker/member_path.h"

namespace brig::image {
namespace {

constexpr std::size_t kMembersMost =
    1'000'000;  // a tar of files is looked through as well, before it is known to be one
constexpr int kLinksMost = 8;

std::string shown(std::string_view path) { return "\"" + printable(path, 300) + "\""; }

}  // namespace

Result<Bundle> Bundle::index(FdRef tar) {
  Bundle bundle(tar);
  FileStream bytes = TRY(FileStream::whole(tar));
  TarReader reader(bytes);
  while (auto member = TRY(reader.next())) {
    const bool is_link = member->type == MemberType::kSymlink || member->type == MemberType::kHardLink;
    if (member->type != MemberType::kFile && !is_link) continue;
    if (bundle.places_.size() >= kMembersMost)
      return Error(Code::kExhausted, "the archive has more than " + std::to_string(kMembersMost) + " files");
    // Of two members of one name tar would leave the last.
    bundle.places_[TRY(clean_member_path(member->path))] = {
        .type = member->type, .begin = reader.position(), .size = member->size, .target = std::move(member->target)};
  }
  return bundle;
}

Result<BundleFile> Bundle::open(std::string_view path) const {
  std::string at = TRY(clean_member_path(path));
  for (int links = 0; links <= kLinksMost; ++links) {
    const auto place = places_.find(at);
    if (place == places_.end()) return Error(Code::kNotFound, "the archive has no " + shown(at));
    const Place& found = place->second;
    if (found.type == MemberType::kFile) {
      return BundleFile{.bytes = std::make_unique<FileStream>(tar_, found.begin, found.begin + found.size),
                        .size = found.size};
    }
    at = found.type == MemberType::kSymlink ? TRY(resolve_member_link(at, found.target))
                                            : TRY(clean_member_path(found.target));
  }
  return Error(Code::kInvalidArgument, shown(path) + " is a link that leads in a circle");
}

}  // namespace brig::image
