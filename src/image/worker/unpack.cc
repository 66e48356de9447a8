#include "image/worker/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/text.h"
#include "image/worker/beneath.h"
#include "image/worker/bundle.h"
#include "image/worker/folder_tree.h"
#include "image/worker/oci.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr int kIndexesMost = 4;  ///< inside each other
constexpr std::size_t kPiece = std::size_t{1} << 20;

/// Where languages are looked for, the first that is there counts.
struct Candidate {
  std::string_view language;
  std::string_view interpreter;
};
constexpr std::array<Candidate, 10> kInterpreters{{{"python", "/usr/local/bin/python3"},
                                                   {"python", "/usr/bin/python3"},
                                                   {"javascript", "/usr/local/bin/node"},
                                                   {"javascript", "/usr/bin/node"},
                                                   {"javascript", "/usr/bin/nodejs"},
                                                   {"bash", "/usr/bin/bash"},
                                                   {"bash", "/bin/bash"},
                                                   {"bash", "/usr/local/bin/bash"},
                                                   {"r", "/usr/local/bin/Rscript"},
                                                   {"r", "/usr/bin/Rscript"}}};

class Job {
 public:
  Job(const UnpackRequest& request, Fd folder)
      : request_(request), folder_(std::move(folder)), tree_(folder_.ref(), request.tree) {}

  Result<Manifest> run();

 private:
  Result<> take_file();
  Result<> take_folder();
  Result<> take_layout(const Bundle& bundle);
  Result<> take_saved(const Bundle& bundle);
  Result<> take_plain_tar(ByteStream& packed);
  Result<> take_layer(ByteStream& tar, Whiteouts whiteouts);
  Result<> take_layer_blob(BundleFile blob, const std::string& diff_id);
  Result<Fd> unpacked_archive();
  Result<std::string> blob_text(const Bundle& bundle, const Descriptor& blob);
  Result<> take_config(std::string_view text, std::size_t layers);
  Result<> finish();
  void say(const std::string& line) const {
    if (request_.progress) request_.progress(line);
  }

  const UnpackRequest& request_;
  Fd folder_;
  Tree tree_;
  Manifest manifest_;
  std::vector<std::string> diff_ids_;
};

std::string blob_path(const std::string& digest) { return "blobs/sha256/" + std::string(hex_of(digest)); }

Result<std::string> text_of(const Bundle& bundle, std::string_view path) {
  const BundleFile file = TRY(bundle.open(path));
  return read_whole(*file.bytes, kImageJsonMost).context(path);
}

/// The text of a blob that was checked against its name.
Result<std::string> Job::blob_text(const Bundle& bundle, const Descriptor& blob) {
  std::string text = TRY(text_of(bundle, blob_path(blob.digest)));
  if (text.size() != blob.size || digest_of(text) != blob.digest)
    return Error(Code::kInvalidArgument, "the blob " + blob.digest + " is not what its name says");
  return text;
}

Result<> Job::take_config(std::string_view text, std::size_t layers) {
  ImageConfig config = TRY(parse_image_config(text).context("the image's configuration"));
  if (!config.os.empty() && config.os != "linux")
    return Error(Code::kUnsupported, "the image is for " + printable(config.os, 40) + ", and this is Linux");
  if (!config.architecture.empty() && config.architecture != own_architecture()) {
    return Error(Code::kUnsupported, "the image is for " + printable(config.architecture, 40) +
                                         ", and this machine is " + std::string(own_architecture()));
  }
  if (config.diff_ids.size() != layers) {
    return Error(Code::kInvalidArgument, "the image has " + std::to_string(layers) + " layers, and its configuration " +
                                             std::to_string(config.diff_ids.size()));
  }
  diff_ids_ = std::move(config.diff_ids);
  manifest_.defaults = std::move(config.defaults);
  return {};
}

Result<> Job::take_layer(ByteStream& bytes, Whiteouts whiteouts) {
  tree_.begin_layer(whiteouts);
  TarReader tar(bytes);
  const Contents contents = [&tar](std::span<char> buffer) { return tar.read_some(buffer); };
  while (const auto member = TRY(tar.next())) TRY(tree_.add(*member, contents));
  return {};
}

Result<> Job::take_layer_blob(BundleFile blob, const std::string& diff_id) {
  const auto plain = TRY(decode(*blob.bytes, request_.unfolding));
  HashingStream hashed(*plain);
  TRY(take_layer(hashed, Whiteouts::kHide));
  if (TRY(hashed.finish()) != diff_id)
    return Error(Code::kInvalidArgument, "its contents are not what the image's configuration says (" + diff_id + ")");
  return {};
}

Result<> Job::take_layout(const Bundle& bundle) {
  manifest_.provenance.kind = "oci";
  Descriptor image =
      TRY(choose_image(TRY(parse_index(TRY(text_of(bundle, "index.json"))).context("index.json")), request_.image));
  for (int depth = 0; image.is_index(); ++depth) {
    if (depth == kIndexesMost) return Error(Code::kInvalidArgument, "its indexes name each other without an end");
    const auto inner = TRY(parse_index(TRY(blob_text(bundle, image))).context("the index " + image.digest));
    image = TRY(choose_image(inner, ""));
  }
  manifest_.provenance.source_digest = image.digest;
  const ImageManifest parts =
      TRY(parse_image_manifest(TRY(blob_text(bundle, image))).context("the manifest " + image.digest));
  TRY(take_config(TRY(blob_text(bundle, parts.config)), parts.layers.size()));
  for (std::size_t i = 0; i < parts.layers.size(); ++i) {
    const Descriptor& layer = parts.layers[i];
    const std::string which = "layer " + std::to_string(i + 1) + " of " + std::to_string(parts.layers.size());
    say(which);
    BundleFile blob = TRY(bundle.open(blob_path(layer.digest)).context(which));
    HashingStream packed(*blob.bytes);
    const auto plain = TRY(decode(packed, request_.unfolding).context(which));
    HashingStream unpacked(*plain);
    TRY(take_layer(unpacked, Whiteouts::kHide).context(which));
    if (TRY(unpacked.finish().context(which)) != diff_ids_[i])
      return Error(Code::kInvalidArgument, which + ": its contents are not what the image's configuration says");
    if (TRY(packed.finish().context(which)) != layer.digest || packed.count() != layer.size)
      return Error(Code::kInvalidArgument, which + ": the blob " + layer.digest + " is not what its name says");
  }
  return {};
}

Result<> Job::take_saved(const Bundle& bundle) {
  manifest_.provenance.kind = "docker-archive";
  const SavedImage image = TRY(
      choose_saved(TRY(parse_saved(TRY(text_of(bundle, "manifest.json"))).context("manifest.json")), request_.image));
  const std::string config = TRY(text_of(bundle, image.config));
  manifest_.provenance.source_digest = digest_of(config);
  // The configuration's name is its digest, in both ways that engines write it.
  const std::string name = image.config.substr(0, image.config.rfind(".json"));
  if (!name.ends_with(hex_of(manifest_.provenance.source_digest)))
    return Error(Code::kInvalidArgument, "\"" + printable(image.config, 200) + "\" is not what its name says");
  TRY(take_config(config, image.layers.size()));
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const std::string which = "layer " + std::to_string(i + 1) + " of " + std::to_string(image.layers.size());
    say(which);
    TRY(take_layer_blob(TRY(bundle.open(image.layers[i]).context(which)), diff_ids_[i]).context(which));
  }
  return {};
}

Result<> Job::take_plain_tar(ByteStream& packed) {
  manifest_.provenance.kind = "tar";
  say("unpacking");
  HashingStream hashed(packed);
  const auto plain = TRY(decode(hashed, request_.unfolding));
  TRY(take_layer(*plain, Whiteouts::kPlain));
  manifest_.provenance.source_digest = TRY(hashed.finish());
  return {};
}

/// A compressed archive, unpacked beside the tree: its members are read in an order of their own.
Result<Fd> Job::unpacked_archive() {
  FileStream packed = TRY(FileStream::whole(request_.input));
  const auto plain = TRY(decode(packed, request_.unfolding));
  Fd copy = TRY(open_beneath(request_.build, ".", O_RDWR | O_TMPFILE, 0600));
  std::vector<char> piece(kPiece);
  for (std::uint64_t total = 0;;) {
    const std::size_t count = TRY(plain->read_some(piece));
    if (count == 0) return copy;
    total += count;
    if (total > request_.tree.bytes) return Error(Code::kExhausted, "the archive is too large");
    TRY(sys::write_all(copy.ref(), {piece.data(), count}).context("unpack the archive"));
  }
}

Result<> Job::take_file() {
  FileStream start = TRY(FileStream::whole(request_.input));
  std::array<char, 4> magic{};
  const std::size_t count = TRY(read_full(start, magic));
  const std::string_view first(magic.data(), count);
  const bool is_packed = first.starts_with("\x1f\x8b") || first.starts_with("\x28\xb5\x2f\xfd");
  Fd copy;
  if (is_packed) copy = TRY(unpacked_archive());
  const FdRef archive = is_packed ? copy.ref() : request_.input;
  const Bundle bundle = TRY(Bundle::index(archive));
  if (bundle.has("oci-layout") && bundle.has("index.json")) return take_layout(bundle);
  if (bundle.has("manifest.json")) return take_saved(bundle);
  FileStream whole = TRY(FileStream::whole(request_.input));
  return take_plain_tar(whole);
}

Result<> Job::take_folder() {
  manifest_.provenance.kind = "folder";
  say("copying");
  tree_.begin_layer(Whiteouts::kPlain);
  return copy_folder(request_.input, tree_);
}

Result<> Job::finish() {
  say("finishing");
  if (tree_.counts().members == 0) return Error(Code::kInvalidArgument, "the image is empty");
  TRY(tree_.fit());
  // As Docker does: a program is started there, whether or not a layer has it.
  auto& folder = manifest_.defaults.working_folder;
  if (!folder.empty() && !tree_.make_folder(folder.substr(1))) folder.clear();
  TRY(tree_.finish());
  const TreeCounts& counts = tree_.counts();
  manifest_.files = counts.files;
  manifest_.unpacked.count = counts.bytes;
  for (const Candidate& candidate : kInterpreters) {
    auto& known = manifest_.defaults.languages;
    const bool is_known = !known.empty() && known.back().name == candidate.language;
    if (!is_known && tree_.has_program(candidate.interpreter))
      known.push_back({.name = std::string(candidate.language), .interpreter = std::string(candidate.interpreter)});
  }
  const auto note = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) manifest_.notes.push_back(std::to_string(count) + " " + std::string(what));
  };
  note(counts.devices, "device files were left out: a sandbox has its own /dev");
  note(counts.pipes, "named pipes were left out");
  note(counts.set_ids, "files lost their set-user or set-group bit");
  note(counts.attributes, "files lost their extended attributes or capabilities");
  note(counts.covered, "files in /dev, /proc, /run, /sys and /tmp were left out: a sandbox has its own");
  return {};
}

Result<Manifest> Job::run() {
  struct stat status{};
  if (::fstat(request_.input.get(), &status) != 0) return Error::last_system("look at the input");
  if (S_ISDIR(status.st_mode)) TRY(take_folder());
  else TRY(take_file());
  TRY(finish());
  return std::move(manifest_);
}

}  // namespace

Result<Manifest> unpack(const UnpackRequest& request) {
  if (::mkdirat(request.build.get(), "tree", 0755) != 0) return Error::last_system("make the folder of the tree");
  Fd folder = TRY(open_beneath(request.build, "tree", O_RDONLY | O_DIRECTORY));
  return Job(request, std::move(folder)).run();
}

}  // namespace brig::image
