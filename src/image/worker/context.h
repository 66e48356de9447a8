#pragma once
/// Context: the files that a Dockerfile may copy, in a tar, without what its .dockerignore leaves out.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/plan.h"
#include "image/worker/patterns.h"
#include "image/worker/tar.h"
#include "image/worker/tree.h"

namespace brig::image {

/// A member that is going to be copied.
struct Picked {
  const Member* member = nullptr;
  std::uint64_t begin = 0;  ///< of its contents in the tar
  std::string to;           ///< below the destination
  bool is_named = false;    ///< it was named itself, and did not lie in a folder that was
};

class Context {
 public:
  /// `tar` outlives it.
  static Result<Context> open(FdRef tar);

  /// What a step copies. kNotFound, naming it, for a source that is not there.
  Result<std::vector<Picked>> pick(const PlanStep& step) const;
  /// What .dockerignore leaves out, kIgnoredMost at most: paths, each with all below it.
  [[nodiscard]] const std::vector<std::string>& ignored() const { return ignored_; }

 private:
  struct Place {
    Member member;
    std::uint64_t begin = 0;
  };
  explicit Context(FdRef tar) : tar_(tar) {}
  Result<> leave_out(const IgnoreList& list);
  Result<> pick_one(const std::string& source, std::vector<Picked>& picked) const;
  FdRef tar_;
  std::map<std::string, Place, std::less<>> places_;
  std::vector<std::string> ignored_;
};

/// Makes the folder with its parents, links of the root followed inside it.
Result<> make_folder(FdRef root, std::string_view path);

/// Copies what a step asks for below `root`, links of the root followed inside it.
Result<> copy_into(FdRef root, FdRef tar, const Context& context, const PlanStep& step);

}  // namespace brig::image
