#include "image/make/libraries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "image/make/installer.h"
#include "json/json.h"
#include "json/reader.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using json::Reader;
using Marks = std::map<std::string, FileMark>;

constexpr std::string_view kCacheVersion = "1";
constexpr std::size_t kFilesMost = 200'000;
constexpr std::size_t kDepthMost = 64;
constexpr std::size_t kInFolderMost = 10'000;

struct CloseFolder {
  void operator()(DIR* list) const { ::closedir(list); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

Result<Folder> list_of(FdRef folder) {
  Fd own = Fd(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.is_open()) return Error::last_system("open a folder");
  Folder list(::fdopendir(own.get()));
  if (list == nullptr) return Error::last_system("look into a folder");
  (void)own.release();  // the list's now
  return list;
}

/// Every wheel that lies in the folder, as it is now.
Result<Marks> marks_in(const HostPath& wheels) {
  Fd folder(::open(wheels.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() && errno == ENOENT) {
    return Error(Code::kNotFound, "there is no folder of wheels at " + printable(wheels.text()) +
                                      ": put them there, or say where they are (--wheels DIR)");
  }
  if (!folder.is_open()) return Error::last_system("open the folder of wheels " + printable(wheels.text()));
  const Folder list = TRY(list_of(folder.ref()));
  Marks marks;
  while (const dirent* const entry = ::readdir(list.get())) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".whl")) continue;
    if (marks.size() == kInFolderMost)
      return Error(Code::kExhausted,
                   "there are more than " + std::to_string(kInFolderMost) + " wheels in " + printable(wheels.text()));
    if (auto mark = mark_of(wheels.text() + "/" + name)) marks[name] = *mark;
  }
  return marks;
}

Result<> make_plain_at(FdRef folder, std::size_t depth, std::size_t& count) {
  if (depth == kDepthMost) return Error(Code::kInvalidArgument, "the packages have folders that lie too deep");
  const Folder list = TRY(list_of(folder));
  while (const dirent* const entry = ::readdir(list.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++count > kFilesMost)
      return Error(Code::kExhausted, "the packages have more than " + std::to_string(kFilesMost) + " files");
    struct stat status{};
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return Error::last_system("look at a package's file");
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
      return Error(Code::kInvalidArgument,
                   "the packages have something in them that is neither a file nor a folder: " + printable(name, 80));
    const Fd file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.is_open()) return Error::last_system("open a package's file");
    const bool is_program = S_ISDIR(status.st_mode) || (status.st_mode & 0111U) != 0;
    if (::fchmod(file.get(), is_program ? 0755 : 0644) != 0) return Error::last_system("set a package's mode");
    if (S_ISDIR(status.st_mode)) TRY(make_plain_at(file.ref(), depth + 1, count));
  }
  return {};
}

/// Runs pip; what it installed lies in `<build>/out/packages`.
Result<std::vector<InstalledPackage>> install(const Workshop& workshop, const LibraryRequest& request,
                                              const std::string& build) {
  const std::string program = build + "/install_wheels.py";
  const std::string out = build + "/out";
  {
    const Fd file = TRY(sys::open(program, O_WRONLY | O_CREAT | O_EXCL, 0644));
    TRY(sys::write_all(file.ref(), kInstaller).context(program));
  }
  if (::mkdir(out.c_str(), 0700) != 0) return Error::last_system("make " + out);
  Step step{.argv = {"/usr/bin/python3", "-I", "/brig/install_wheels.py"}, .disk = build};
  if (request.image) {
    const Manifest& manifest = request.image->manifest;
    step.root = {.name = manifest.name, .digest = std::string(hex_of(manifest.digest)), .file = request.image->file};
    const auto python = std::ranges::find(manifest.defaults.languages, "python", &Language::name);
    if (python != manifest.defaults.languages.end()) step.argv.front() = python->interpreter;
  }
  step.argv.insert(step.argv.end(), request.names.begin(), request.names.end());
  step.policy.limits = step_limits();
  step.policy.mounts = {TRY(mount(program, "/brig/install_wheels.py", policy::Access::kReadOnly)),
                        TRY(mount(request.wheels.text(), "/brig/wheels", policy::Access::kReadOnly)),
                        TRY(mount(out, "/brig/out", policy::Access::kReadWrite))};
  const StepEnd end = TRY(run_step(workshop.make_runtime, step, workshop.on_line).context("install the packages"));
  const bool has_answered = end.exit.cause == runtime::Cause::kExited && end.exit.value <= 1 && !end.output.empty();
  if (!has_answered) TRY(expect_success(end, "installing the packages"));
  return parse_installed(end.output);
}

/// The digests of what was installed; kConflict if the folder changed meanwhile.
Result<std::vector<Wheel>> read_wheels(const LibraryRequest& request, const std::vector<InstalledPackage>& packages,
                                       const Marks& before) {
  std::vector<Wheel> wheels;
  for (const InstalledPackage& package : packages) {
    const auto known = before.find(package.file);
    if (known == before.end())
      return Error(Code::kInvalidArgument,
                   "what was installed is no wheel of the folder: " + printable(package.file, 120));
    const std::string path = request.wheels.text() + "/" + package.file;
    const Fd file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    std::string digest = TRY(digest_of(file.ref()).context(path));
    if (TRY(mark_of(path)) != known->second)
      return Error(Code::kConflict, "the wheel " + printable(package.file, 120) + " was changed meanwhile: try again");
    wheels.push_back({.file = package.file, .digest = std::move(digest), .mark = known->second});
  }
  std::ranges::sort(wheels, {}, &Wheel::file);
  return wheels;
}

/// A wheel of the same name is the same wheel, or somebody has exchanged it.
Result<> expect_unchanged(Store& store, const LibraryRequest& request, const std::vector<Wheel>& wheels) {
  const std::string folder = request.wheels.text();
  for (const Wheel& wheel : wheels) {
    if (!request.uses_cache) {
      TRY(store.forget_libraries_of(folder, wheel));
      continue;
    }
    for (const InstalledLibrary& other : TRY(store.libraries())) {
      if (other.library.wheels_folder != folder) continue;
      const auto& its = other.library.wheels;
      const auto same = std::ranges::find(its, wheel.file, &Wheel::file);
      if (same == its.end() || same->digest == wheel.digest) continue;
      return Error(Code::kConflict, "the wheel " + printable(wheel.file, 120) +
                                        " is not the one that was installed before (it has " + wheel.digest +
                                        ", and had " + same->digest +
                                        "): if it was meant to change, brig template lib --no-cache takes the new one");
    }
  }
  return {};
}

std::string key_of(const Library& library) {
  std::string text = "library " + std::string(kCacheVersion) + "\n" + library.base + "\n";
  for (const std::string& name : library.names) text += name + "\n";
  for (const Wheel& wheel : library.wheels) text += wheel.file + " " + wheel.digest + "\n";
  return digest_of(text);
}

}  // namespace

Result<std::vector<InstalledPackage>> parse_installed(std::string_view text) {
  constexpr std::size_t kTextMost = 200;
  constexpr std::size_t kFileMost = 255;
  const json::Value value =
      TRY(json::parse(text, {.max_bytes = kStepOutputMost, .max_depth = 5, .max_values = json::kManyValues}));
  const Reader root(value);
  if (const auto error = TRY(root.find("error")))
    return Error(Code::kInvalidArgument, printable(TRY(error->text()), 1000));
  static constexpr std::array<std::string_view, 1> kKeys{"packages"};
  TRY(root.only(kKeys));
  const Reader packages = TRY(root.at("packages"));
  const auto items = TRY(packages.items());
  if (items.empty() || items.size() > kWheelsMost)
    return packages.error("expected 1 to " + std::to_string(kWheelsMost) + " packages");
  std::vector<InstalledPackage> all;
  for (const Reader& item : items) {
    static constexpr std::array<std::string_view, 3> kOfOne{"name", "version", "file"};
    TRY(item.only(kOfOne));
    InstalledPackage package{.name = std::string(TRY(bounded_text(TRY(item.at("name")), kTextMost))),
                             .version = std::string(TRY(bounded_text(TRY(item.at("version")), kTextMost - 1))),
                             .file = std::string(TRY(bounded_text(TRY(item.at("file")), kFileMost)))};
    if (package.file.contains('/') || !package.file.ends_with(".whl")) return item.error("no name of a wheel");
    all.push_back(std::move(package));
  }
  return all;
}

Result<> make_plain(FdRef folder) {
  std::size_t count = 0;
  return make_plain_at(folder, 0, count);
}

Result<MadeLibrary> install_libraries(const Workshop& workshop, Store& store, const LibraryRequest& request) {
  Library library{.base = TRY(library_base(request.image ? &request.image->manifest : nullptr)),
                  .names = sorted_names(request.names),
                  .digest = {},
                  .wheels_folder = request.wheels.text(),
                  .folder_mark = {},
                  .wheels = {},
                  .packages = {}};
  if (auto known = store.find_library(library.base, library.names);
      request.uses_cache && known && is_current(known->library, request.wheels))
    return MadeLibrary{.installed = *std::move(known), .is_from_cache = true};
  const Marks before = TRY(marks_in(request.wheels));
  library.folder_mark = TRY(mark_of(request.wheels.text()));
  const BuildFolder build = TRY(store.new_build());
  const auto packages = TRY(install(workshop, request, build.path()));
  library.wheels = TRY(read_wheels(request, packages, before));
  TRY(expect_unchanged(store, request, library.wheels));
  for (const InstalledPackage& package : packages) library.packages.push_back(package.name + "=" + package.version);
  std::ranges::sort(library.packages);
  library.digest = key_of(library);
  const std::string folder = build.path() + "/out/packages";
  const Fd made = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(make_plain(made.ref()));
  if (::fchmod(made.get(), 0755) != 0) return Error::last_system("open the packages to readers");
  return MadeLibrary{.installed = TRY(store.keep_library(library, folder))};
}

}  // namespace brig::image
