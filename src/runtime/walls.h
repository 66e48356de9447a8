#pragma once
/// Walls: the walls that a program offers, fastest first, and which of them a sandbox gets.
///
/// A policy names a wall, or says how one is to be chosen: the fastest that is good enough (policy::kFastest: what
/// whoever asks for nothing gets), or the strongest that works (policy::kStrongest). Good enough is a wall that can
/// enforce the whole policy, its floor above all (Runtime::admit), that works on this host (Runtime::probe), and that
/// the asker may use. One behind which ordinary programs are known to fail (Probe::breaks) is taken by name, or if
/// nothing else will do. Whoever gets a wall is told why it is that one. One thread.
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "runtime/runtime.h"

namespace brig::runtime {

/// One wall as choose() sees it. What is not needed for the choice is not asked.
struct Candidate {
  std::string name;
  std::function<Result<>()> admit;      ///< whether it can enforce all that is asked for; if not, why not
  std::function<const Probe&()> probe;  ///< whether it works here
};

/// What is asked of the wall.
struct Wish {
  std::string runtime{policy::kFastest};  ///< a wall's name, or how to choose
  std::vector<std::string> allowed;       ///< names; empty = all
  bool is_probed = true;  ///< else admit() is enough, except for the strongest: nobody knows that one unseen
};

struct Choice {
  std::size_t index = 0;  ///< of the candidate
  std::string reason;     ///< "asked for by name"; else how it was chosen, and what was passed over
};

/// `candidates` are in their order of speed. kInvalidArgument for a name that is none of theirs, kDenied if only walls
/// that are not allowed are left, kUnsupported if none will do, with what each of them lacks and the way to get it.
/// Pure, but for what it asks of the candidates.
Result<Choice> choose(const Wish& wish, std::span<const Candidate> candidates);

/// What of a policy is asked of a wall: without the host's files if it cannot show them. Whoever runs something there
/// copies them, or refuses.
policy::Policy asked_of(const Runtime& runtime, policy::Policy policy);

/// "runsc: is not installed (apt-get install runsc)": why a wall cannot be built here; empty if it can.
std::string why_not(const Probe& probe);

class Walls {
 public:
  using Make = std::function<Result<std::unique_ptr<Runtime>>()>;
  /// A wall that is made when somebody first looks at it.
  struct Offer {
    std::string name;
    Make make;
  };
  struct Chosen {
    Runtime* runtime = nullptr;
    std::string reason;
  };

  explicit Walls(std::vector<Offer> offers);
  /// Walls of somebody else's, which outlive this.
  Walls(std::initializer_list<std::reference_wrapper<Runtime>> runtimes);
  Walls(Walls&&) = default;
  Walls& operator=(Walls&&) = default;
  Walls(const Walls&) = delete;
  Walls& operator=(const Walls&) = delete;
  ~Walls() = default;

  [[nodiscard]] std::vector<std::string> names() const;
  /// The wall of that name. kInvalidArgument with a «did you mean» for none of ours, or what making it failed with.
  Result<Runtime*> find(std::string_view name);
  /// Asked of the wall once and remembered; of one that cannot be made, a Probe that says so.
  const Probe& probe(std::string_view name);

  /// A wall for what `policy` asks of it and that can run the template, of those that are `allowed` (empty: of all).
  /// Errors as choose().
  Result<Chosen> choose(const policy::Policy& policy, const RootImage& root = {},
                        const std::vector<std::string>& allowed = {});
  /// For a caller that makes the sandbox at once, and so hears what does not work: no time is spent on a probe, unless
  /// it is the strongest that is wanted.
  Result<Chosen> choose_unprobed(const policy::Policy& policy, const RootImage& root = {});
  /// kUnavailable if what one of those that work here needs is gone: see Runtime::ready().
  Result<> ready();

 private:
  struct Entry {
    std::string name;
    Make make;
    std::unique_ptr<Runtime> owned;
    Runtime* runtime = nullptr;
    std::optional<Probe> probe;
  };
  Result<Runtime*> made(Entry& entry);
  Result<Chosen> choose(const Wish& wish, const policy::Policy& policy, const RootImage& root);
  Result<> fits(Entry& entry, const policy::Policy& policy, const RootImage& root);
  const Probe& probe(Entry& entry);
  std::vector<Entry> entries_;
};

}  // namespace brig::runtime
