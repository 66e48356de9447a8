#pragma once
/// McpCalls: the calls of tools that came and are not answered, and which of them may be made beside which.
///
/// Calls go side by side, as the protocol allows, but where the daemon would do them one after another in any case, or
/// where whoever wrote them in a row meant that: code for one interpreter keeps the order of its lines, and what comes
/// after the writing of a file in the same sandbox waits until it is there. Pure.
#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include <boost/json/value.hpp>

namespace brig::client {

class McpCalls {
 public:
  struct Call {
    boost::json::value id;
    std::string line;
    std::string sandbox;   ///< empty: the session's own
    std::string language;  ///< of the interpreter that it runs code in; empty for another tool
    bool writes = false;
    bool is_made = false;
  };

  void add(std::string line, const boost::json::object& message);
  /// The next that may be made, which the caller then does; none if all others wait.
  std::shared_ptr<Call> next();
  /// It is answered.
  void settle(const std::shared_ptr<Call>& call);
  /// Forgets the one of that id, if it still waits. False if none does.
  bool drop(const boost::json::value& id);
  [[nodiscard]] std::size_t waiting() const;

 private:
  std::list<std::shared_ptr<Call>> calls_;  ///< in the order of their lines
};

}  // namespace brig::client
