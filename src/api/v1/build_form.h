#pragma once
/// BuildForm: the form of POST /v1/templates/build, in the shape of PandaStack's, as it arrives.
///
/// Fields have no file name, files have one. With a field `dockerfile`, files are the context, each under its relative
/// path; or one file `context` of the type application/x-tar is all of it. Without, the file `rootfs` is an archive.
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "builds/builds.h"
#include "builds/context_tar.h"
#include "http/multipart.h"

namespace brig::api::v1 {

/// How much of a form that is, in parts: fields and files.
inline constexpr std::size_t kFormPartsMost = 10'000;

class BuildForm {
 public:
  explicit BuildForm(builds::Upload upload) : upload_(std::move(upload)), tar_(upload_) {}
  BuildForm(const BuildForm&) = delete;
  BuildForm& operator=(const BuildForm&) = delete;

  /// Everything up to the form's end. kInvalidArgument for what does not fit together, kUnsupported for an image of a
  /// registry or a kernel, kExhausted beyond a bound.
  Task<> read(http::MultipartReader& form);
  /// After read(), once. `new_file` makes the file for the Dockerfile.
  Result<builds::Wanted> finish(Result<builds::Upload> new_file) &&;

 private:
  Task<> read_field(http::MultipartReader& form, std::string name);
  Task<> read_file(http::MultipartReader& form, http::PartHead head);
  Task<> pour(http::MultipartReader& form);

  builds::Upload upload_;
  builds::ContextTar tar_;
  std::set<std::string, std::less<>> seen_;  ///< fields
  std::optional<std::string> name_;
  std::optional<std::string> dockerfile_;
  std::uint64_t size_mb_ = 1024;
  std::vector<image::LimitDefault> limits_;
  bool has_archive_ = false;
  bool has_context_tar_ = false;
};

/// A whole number of a form's field from 1 to `most`. kInvalidArgument, naming the field.
Result<std::uint64_t> form_number(std::string_view field, std::string_view text, std::uint64_t most);

}  // namespace brig::api::v1
