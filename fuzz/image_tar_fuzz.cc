// Attacker: a layer. Whatever its members say, nothing is made outside the tree: the tree's neighbour stays as it is,
// and what is in the tree is plain files, folders and links with plain modes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"
#include "image/worker/decode.h"
#include "image/worker/tree.h"
#include "sys/file.h"

using namespace brig;

namespace {

/// A folder in memory, emptied before each input.
const std::string& room() {
  static const std::string& path = *new std::string([] {  // outlives what runs at the end
    std::string pattern = "/dev/shm/brig-fuzz-XXXXXX";
    BRIG_CHECK(::mkdtemp(pattern.data()) != nullptr, "a folder");
    std::atexit([] { (void)sys::remove_tree(room()).has_value(); });
    return pattern;
  }());
  return path;
}

void check_tree(const std::filesystem::path& tree, bool is_whole) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree)) {
    struct stat status{};
    BRIG_CHECK(::lstat(entry.path().c_str(), &status) == 0, "an entry that goes");
    BRIG_CHECK(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode), "a device or a pipe");
    const unsigned mode = status.st_mode & 07777U;
    if (is_whole && !S_ISLNK(status.st_mode)) BRIG_CHECK(mode == 0644 || mode == 0755, "a mode of the image's choice");
  }
}

Result<> apply(FdRef folder, std::string_view input) {
  image::Tree tree(folder, {.members = 200, .bytes = 1 << 16});
  // The input is two layers, one after the other: whiteouts mean something in the second only.
  const std::string_view parts[] = {input.substr(0, input.size() / 1024 * 512),
                                    input.substr(input.size() / 1024 * 512)};
  for (const std::string_view part : parts) {
    image::TextStream bytes(part);
    const auto plain = TRY(image::decode(bytes, {.most = 1 << 20, .free = 1 << 18}));
    image::TarReader tar(*plain);
    tree.begin_layer(image::Whiteouts::kHide);
    const image::Contents contents = [&tar](std::span<char> buffer) { return tar.read_some(buffer); };
    while (true) {
      auto member = tar.next();
      if (!member) break;  // the first half is cut anywhere
      if (!*member) break;
      TRY(tree.add(**member, contents));
    }
  }
  TRY(tree.fit());
  return tree.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string tree = room() + "/tree";
  const std::string neighbour = room() + "/neighbour";
  BRIG_CHECK(sys::remove_tree(tree).has_value(), "the last tree goes");
  BRIG_CHECK(::mkdir(tree.c_str(), 0755) == 0 && (::mkdir(neighbour.c_str(), 0755) == 0 || errno == EEXIST), "folders");
  const auto folder = sys::open(tree, O_RDONLY | O_DIRECTORY);
  BRIG_CHECK(folder.has_value(), "the folder opens");
  const bool is_whole = apply(folder->ref(), {reinterpret_cast<const char*>(data), size}).has_value();
  check_tree(tree, is_whole);  // one that is not is thrown away, with a file that is only half there
  BRIG_CHECK(std::filesystem::is_empty(neighbour), "something was made outside the tree");
  const auto entries = std::filesystem::directory_iterator(room());
  BRIG_CHECK(std::distance(begin(entries), end(entries)) == 2, "something was made outside the tree");
  return 0;
}
