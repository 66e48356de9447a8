#pragma once
/// Library: Python packages for sandboxes of one template, installed once and shown to each of them, read-only.
///
///   libraries/<sha256>/    the packages, as Python finds them on its search path
///   libraries/<id>.json    a Library: which packages, for which Python, made of which wheels, are in which folder
///
/// The id stands for the template and the names that were asked for, so that whoever runs a program finds the folder
/// with one read and computes no digest. Written by us, and read as if it were not: package names and file names in it
/// are from wheels.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "image/manifest.h"
#include "policy/policy.h"

namespace brig::image {

/// What tells a file, or a folder, from what was there before, as far as that can be seen without reading it.
struct FileMark {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileMark&) const = default;
};

struct Wheel {
  std::string file;    ///< its name in the folder
  std::string digest;  ///< "sha256:…"
  FileMark mark;
  bool operator==(const Wheel&) const = default;
};

struct Library {
  std::string base;                   ///< library_base() of the template
  std::vector<std::string> names;     ///< what was asked for, normalised and sorted
  std::string digest;                 ///< of base, names and wheels: names the folder
  std::string wheels_folder;          ///< of the host
  FileMark folder_mark;               ///< its mark then: a wheel that came later may be the better one
  std::vector<Wheel> wheels;          ///< what it was made of
  std::vector<std::string> packages;  ///< "name=version"
  bool operator==(const Library&) const = default;
};

/// A Library and where its packages are.
struct InstalledLibrary {
  Library library;
  HostPath folder;
};

inline constexpr std::size_t kWheelsMost = 500;  ///< of one library

/// Which Python a library is for: the image's digest, or of the host what its interpreter looks like, because that is
/// upgraded in its place. `image` may be null: the host. kUnsupported if there is no Python.
Result<std::string> library_base(const Manifest* image);

/// Sorted, each once: what asks for the same is the same.
std::vector<std::string> sorted_names(std::vector<std::string> names);
/// The name of the record's file, without its end.
std::string library_id(std::string_view base, const std::vector<std::string>& names);

/// kNotFound if there is nothing.
Result<FileMark> mark_of(const std::string& path);
/// Whether the folder of wheels is as it was when the library was made. A folder that is gone changes nothing.
bool is_current(const Library& library, const HostPath& wheels);

/// The mount that shows it.
Result<policy::Mount> library_mount(const InstalledLibrary& installed);

std::string to_json(const Library& library);
/// kInvalidArgument "$.wheels…: what is wrong".
Result<Library> parse_library(std::string_view text);

}  // namespace brig::image
