#include "image/make/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/make/pack.h"
#include "json/json.h"
#include "json/reader.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::string_view kCacheVersion = "2";  ///< to be raised when the same input gives another image
/// Any one will do: the image is named by its digest.
constexpr const char* kVolumeId = "b41691c0-0000-4000-8000-000000000001";
/// mkfs.erofs sets later times to this one, so it lies in the future: times are the tree's own, in whole seconds.
constexpr const char* kBuildTime = "4102444800";
constexpr Bytes kTreeMost = gibibytes(16);
constexpr const char* kWorkerPath = "/brig/worker";

/// The worker's own words if it says that the input is no good.
Result<Manifest> read_draft(const StepEnd& end) {
  const bool has_answered = end.exit.cause == runtime::Cause::kExited && end.exit.value <= 1 && !end.output.empty();
  if (!has_answered) TRY(expect_success(end, "unpacking the image"));
  const json::Value value = TRY(json::parse(end.output));
  const json::Reader reader(value);
  if (const auto error = TRY(reader.find("error")))
    return Error(Code::kInvalidArgument, printable(TRY(error->text()), 1000));
  return parse_draft(end.output);
}

/// What stands for the input's contents: the file as it lies there, or an OCI layout's index, which names the rest by
/// digest. Empty for a plain folder: nothing cheap stands for that.
std::string identity_of(const ImportRequest& request) {
  std::string path = request.input.text();
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "";
  if (S_ISDIR(status.st_mode)) {
    if (::access((path + "/oci-layout").c_str(), R_OK) != 0) return "";
    path += "/index.json";
    if (::stat(path.c_str(), &status) != 0) return "";
  }
  std::string text = "import " + std::string(kCacheVersion) + "\n" + request.image + "\n";
  for (const std::uint64_t number :
       {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
        static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(status.st_mtim.tv_sec),
        static_cast<std::uint64_t>(status.st_mtim.tv_nsec), static_cast<std::uint64_t>(status.st_ctim.tv_sec),
        static_cast<std::uint64_t>(status.st_ctim.tv_nsec)})
    text += std::to_string(number) + "\n";
  return digest_of(text);
}

Manifest named(Manifest manifest, const ImportRequest& request) {
  manifest.name = request.name;
  manifest.description = request.description;
  manifest.owner = request.owner;
  manifest.created_s = 0;
  manifest.provenance.source = request.shown_source.empty() ? std::string(request.input.name()) : request.shown_source;
  if (!is_utf8(manifest.provenance.source)) manifest.provenance.source = printable(manifest.provenance.source, 400);
  for (const policy::Variable& variable : request.environment) {
    auto& all = manifest.defaults.environment;
    std::erase_if(all, [&](const policy::Variable& old) { return old.name == variable.name; });
    all.push_back(variable);
  }
  if (request.provenance) manifest.provenance = *request.provenance;
  if (!request.limits.empty()) manifest.defaults.limits = request.limits;
  return manifest;
}

bool is_folder(const HostPath& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<Manifest> unpack_in_sandbox(const Workshop& workshop, const ImportRequest& request, const std::string& build) {
  const bool is_packed_here = is_folder(request.input);
  const std::string input = is_packed_here ? TRY(pack(request.input, build, "input")) : request.input.text();
  const std::string work = build + "/work";
  if (::mkdir(work.c_str(), 0700) != 0) return Error::last_system("make " + work);
  Step step{.argv = {kWorkerPath, "unpack", "/input", "/build"}, .disk = build};
  step.policy.limits = step_limits();
  step.argv.push_back("bytes=" + std::to_string(kTreeMost.count));
  if (!request.image.empty()) step.argv.push_back("image=" + request.image);
  step.policy.mounts = {TRY(mount(workshop.worker.text(), kWorkerPath, policy::Access::kReadOnly)),
                        TRY(mount(input, "/input", policy::Access::kReadOnly)),
                        TRY(mount(work, "/build", policy::Access::kReadWrite))};
  Manifest draft =
      TRY(read_draft(TRY(run_step(workshop.make_runtime, step, workshop.on_line).context("unpack the image"))));
  if (is_packed_here && draft.provenance.kind == "tar") {
    draft.provenance.kind = "folder";
    draft.provenance.source_digest.clear();
  }
  return draft;
}

bool has_program(const char* name) { return ::access((std::string("/usr/bin/") + name).c_str(), X_OK) == 0; }

}  // namespace

Result<policy::Mount> mount(const std::string& from, std::string_view to, policy::Access access) {
  return policy::Mount{.from = TRY(HostPath::parse(from)), .to = TRY(GuestPath::parse(to)), .access = access};
}

Result<Format> choose_format() {
  return choose_format({.file_systems = sys::read_file("/proc/filesystems", std::size_t{64} << 10).value_or(""),
                        .makes_erofs = has_program("mkfs.erofs"),
                        .makes_squashfs = has_program("mksquashfs")});
}

Result<Format> choose_format(const FormatSupport& host) {
  const auto mounts = [&host](std::string_view name) {
    return host.file_systems.find("\t" + std::string(name) + "\n") != std::string::npos;
  };
  // A module that is not loaded yet is not in the kernel's list: without either in it, EROFS is as good a guess.
  const bool prefers_squashfs = !mounts("erofs") && mounts("squashfs");
  if (host.makes_erofs && !(prefers_squashfs && host.makes_squashfs)) return Format::kErofs;
  if (host.makes_squashfs) return Format::kSquashfs;
  return Error(Code::kUnsupported,
               "this host has no program that makes image files: apt-get install erofs-utils (or squashfs-tools)");
}

Result<std::string> make_image(const Workshop& workshop, const std::string& build, const std::string& tree,
                               Format format) {
  // Whoever wrote the tree could have put a link there instead, and it is opened with our rights.
  struct stat info{};
  if (::lstat(tree.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return Error(Code::kInternal, "what reads images left no folder of files");
  const std::string out = build + "/out";
  if (::mkdir(out.c_str(), 0700) != 0 && errno != EEXIST) return Error::last_system("make " + out);
  Step step{.disk = build};
  step.policy.limits = step_limits();
  if (format == Format::kErofs) {
    step.argv = {"mkfs.erofs",    "-zlz4hc,9",     "-C16384", "-x-1",       std::string("-U") + kVolumeId,
                 "--force-uid=0", "--force-gid=0", "--quiet", "/out/image", "/tree"};
  } else {
    step.argv = {"mksquashfs",   "/tree",  "/out/image", "-noappend", "-all-root",           "-no-xattrs",
                 "-no-progress", "-quiet", "-comp",      "zstd",      "-Xcompression-level", "3"};
  }
  step.policy.environment = {{"SOURCE_DATE_EPOCH", kBuildTime}};
  step.policy.mounts = {TRY(mount(tree, "/tree", policy::Access::kReadOnly)),
                        TRY(mount(out, "/out", policy::Access::kReadWrite))};
  if (workshop.on_line) workshop.on_line("making the image file");
  const StepEnd end = TRY(run_step(workshop.make_runtime, step, workshop.on_line).context("make the image file"));
  TRY(expect_success(end, "making the image file (" + step.argv.front() + ")"));
  return out + "/image";
}

Result<Imported> import(const Workshop& workshop, Store& store, const ImportRequest& request) {
  TRY(check_template_name(request.name));
  const std::string key = request.uses_cache ? identity_of(request) : std::string();
  if (!key.empty()) {
    if (auto known = store.cached(key)) {
      if (auto again = store.publish_again(named(*std::move(known), request)))
        return Imported{.made = *std::move(again), .is_from_cache = true};
    }
  }
  const Format format = TRY(choose_format());
  const BuildFolder build = TRY(store.new_build());
  Manifest draft = TRY(unpack_in_sandbox(workshop, request, build.path()));
  const std::string file = TRY(make_image(workshop, build.path(), build.path() + "/work/tree", format));
  Manifest manifest = named(std::move(draft), request);
  manifest.format = format;
  Template made = TRY(store.publish(std::move(manifest), file));
  // The input may have been written to meanwhile: then nothing is remembered of it.
  if (!key.empty() && identity_of(request) == key) TRY(store.remember(key, made.manifest));
  return Imported{.made = std::move(made)};
}

}  // namespace brig::image
