#include "api/v1/build_form.h"

#include <array>

#include "base/number.h"
#include "base/text.h"

namespace brig::api::v1 {
namespace {

constexpr std::size_t kFieldMost = 1024;
constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::uint64_t kSizeMost = 1 << 20;  ///< in MB
constexpr std::uint64_t kMemoryMost = 1 << 20;
constexpr std::string_view kTarType = "application/x-tar";

Error bad(std::string sentence) { return {Code::kInvalidArgument, std::move(sentence)}; }

/// "2", "0.5"
Result<> check_cpus(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789.";
  if (!text.empty() && text.size() < 10 && text.find_first_not_of(kDigits) == std::string_view::npos) return {};
  return bad("cpu: \"" + printable(text, 40) + "\" is not a number of processors");
}

}  // namespace

Result<std::uint64_t> form_number(std::string_view field, std::string_view text, std::uint64_t most) {
  const auto number = whole_number<std::uint64_t>(text);
  if (number && *number >= 1 && *number <= most) return *number;
  return bad(std::string(field) + ": \"" + printable(text, 40) + "\" is not a number from 1 to " +
             std::to_string(most));
}

Task<> BuildForm::read(http::MultipartReader& form) {
  while (true) {
    CO_TRY(auto head, co_await form.next());
    if (!head) break;
    if (head->file_name) CO_TRY_VOID(co_await read_file(form, *std::move(head)));
    else CO_TRY_VOID(co_await read_field(form, std::move(head->name)));
  }
  if (!name_) co_return bad("the form has no field \"name\": what is the template to be called?");
  if (!dockerfile_ && !has_archive_)
    co_return bad("the form has neither a field \"dockerfile\" nor a file \"rootfs\": what is it to be made of?");
  co_return Result<>();
}

Task<> BuildForm::read_field(http::MultipartReader& form, std::string name) {
  if (!seen_.insert(name).second) co_return bad("the field \"" + printable(name, 80) + "\" comes twice");
  CO_TRY(std::string text, co_await form.read_all(name == "dockerfile" ? image::kDockerfileMost : kFieldMost));
  if (name == "name") {
    CO_TRY_VOID(image::check_template_name(text));
    name_ = std::move(text);
  } else if (name == "dockerfile") {
    if (has_archive_) co_return bad("a form has a field \"dockerfile\" or a file \"rootfs\", not both");
    dockerfile_ = std::move(text);
  } else if (name == "size_mb") {
    CO_TRY(size_mb_, form_number(name, text, kSizeMost));
  } else if (name == "memory_mb") {
    CO_TRY(const std::uint64_t number, form_number(name, text, kMemoryMost));
    limits_.push_back({.key = "memory", .value = std::to_string(number) + "M"});
  } else if (name == "cpu") {
    CO_TRY_VOID(check_cpus(text));
    limits_.push_back({.key = "cpus", .value = std::move(text)});
  } else if (name == "image_ref") {
    co_return Error(Code::kUnsupported,
                    "images of a registry are not fetched here, which has no way out: save it (docker save IMAGE) and "
                    "send that as \"rootfs\", or to POST /v1/templates/import");
  } else if (name == "kernel") {
    co_return Error(Code::kUnsupported, "templates have no kernel of their own here");
  } else {
    co_return bad("the form has no field \"" + printable(name, 80) + "\"");
  }
  co_return Result<>();
}

Task<> BuildForm::read_file(http::MultipartReader& form, http::PartHead head) {
  if (!dockerfile_) {
    if (head.name != "rootfs")
      co_return bad("the file \"" + printable(head.name, 80) + "\" comes before a field \"dockerfile\" that it is for");
    if (std::exchange(has_archive_, true)) co_return bad("the file \"rootfs\" comes twice");
    co_return co_await pour(form);
  }
  const bool is_tar = head.name == "context" && head.content_type == kTarType;
  if (has_context_tar_ || (is_tar && !tar_.is_empty())) co_return bad("the context is one tar, or files, not both");
  if (is_tar) {
    has_context_tar_ = true;
    co_return co_await pour(form);
  }
  CO_TRY_VOID(tar_.begin(head.name));
  CO_TRY_VOID(co_await pour(form));
  CO_TRY_VOID(tar_.end());
  co_return Result<>();
}

Task<> BuildForm::pour(http::MultipartReader& form) {
  std::vector<std::byte> piece(kPiece);
  while (true) {
    CO_TRY(const std::size_t count, co_await form.read_some(piece));
    if (count == 0) co_return Result<>();
    CO_TRY_VOID(upload_.append(std::span(piece).first(count)));
  }
}

Result<builds::Wanted> BuildForm::finish(Result<builds::Upload> new_file) && {
  builds::Wanted wanted{.name = *name_, .size_mb = size_mb_, .limits = std::move(limits_), .input = {}};
  image::Defaults defaults;
  defaults.limits = wanted.limits;
  TRY(image::check_defaults(defaults));
  if (dockerfile_) {
    builds::Upload file = TRY(std::move(new_file));
    TRY(file.append(*dockerfile_));
    wanted.dockerfile = std::move(file).take();
    if (!has_context_tar_) TRY(tar_.finish());
  }
  wanted.input = std::move(upload_).take();
  return wanted;
}

}  // namespace brig::api::v1
