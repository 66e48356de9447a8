#pragma once
/// Toolbox: what the tools do, on the sandboxes of one key. Translation: decisions are made in sandboxes/.
///
/// Code runs in one context for each language of a sandbox, so that a model need not know what a context is. Whoever
/// cancels a call has its cell interrupted, or its command killed; what is being made is made to its end.
#include <map>
#include <memory>
#include <set>
#include <string>

#include <boost/json/value.hpp>

#include "api/common/creation.h"
#include "api/mcp/sessions.h"
#include "api/mcp/tools.h"
#include "async/notifier.h"
#include "sandboxes/sandboxes.h"

namespace brig::api::mcp {

/// How long a sandbox that the tools have made may be unused.
inline constexpr Milliseconds kSandboxIdle{30LL * 60'000};

/// One call of a tool, and whose.
struct Asked {
  Caller caller;
  std::shared_ptr<Session> session;  ///< none: the client has no conversation that we know of
  std::shared_ptr<Call> call;
  std::string request_id;
  Tool tool = Tool::kRunCode;
  boost::json::value arguments;
};

class Toolbox {
 public:
  /// What it is given outlives it, and it every call.
  Toolbox(sandboxes::Sandboxes& sandboxes, Creation& creation, asio::any_io_executor executor)
      : sandboxes_(sandboxes), creation_(creation), executor_(executor), made_(executor) {}
  Toolbox(const Toolbox&) = delete;
  Toolbox& operator=(const Toolbox&) = delete;

  /// The answer to tools/list.
  [[nodiscard]] boost::json::array describe() const;
  /// A result for the model, also of what failed. kCancelled if the call was.
  Task<boost::json::object> use(Asked asked);
  /// The session's own sandbox, now that the session is over.
  Task<> clear(std::string key_id, std::string sandbox_id);

 private:
  /// A sandbox that is used for a call, and what the model must know of how it came to be.
  struct Place {
    std::shared_ptr<sandboxes::Sandbox> sandbox;
    sandboxes::Sandbox::Use use;
    std::string note;
  };
  class Making;

  Task<boost::json::object> perform(const Asked& asked, const Arguments& arguments);
  Task<Place> place(const Asked& asked, std::string sandbox_id, bool may_make);
  Task<std::shared_ptr<sandboxes::Sandbox>> make(const Asked& asked, NewSandbox wish);
  Task<std::shared_ptr<sandboxes::Context>> context_of(std::shared_ptr<sandboxes::Sandbox> sandbox,
                                                       std::string language);

  Task<boost::json::object> run_code(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> run_command(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> read_file(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> write_file(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> list_files(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> create_sandbox(const Asked& asked, const Arguments& arguments);
  Task<boost::json::object> list_sandboxes(const Asked& asked) const;
  Task<boost::json::object> kill_sandbox(const Asked& asked, const Arguments& arguments);

  sandboxes::Sandboxes& sandboxes_;
  Creation& creation_;
  asio::any_io_executor executor_;
  std::map<std::string, std::weak_ptr<sandboxes::Context>, std::less<>> contexts_;  ///< by "SANDBOX LANGUAGE"
  std::set<std::string, std::less<>> in_making_;  ///< what one call makes and others wait for
  Notifier made_;
};

}  // namespace brig::api::mcp
