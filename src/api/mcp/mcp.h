#pragma once
/// Mcp: the Model Context Protocol's streamable HTTP transport at /mcp, for the revisions in message.h.
///
/// A request of the newest revision says for itself what it is; those before begin with `initialize` and name their
/// session in `Mcp-Session-Id`. A request of either kind that names a session of its key is that conversation's. A call
/// is answered as JSON, or, once it has taken a while, as events with signs of life; a client that goes away, or sends
/// `notifications/cancelled`, has it stopped. There is no stream of our own: GET is 405.
#include <string>
#include <vector>

#include "api/common/creation.h"
#include "api/mcp/message.h"
#include "api/mcp/sessions.h"
#include "api/mcp/toolbox.h"
#include "async/task_group.h"
#include "http/router.h"

namespace brig::api::mcp {

class Mcp {
 public:
  /// `origins`: web pages that may ask (as for every route); a request that names another is refused. What it is given
  /// outlives it.
  Mcp(sandboxes::Sandboxes& sandboxes, Creation& creation, store::Store& store, WallClock clock,
      std::vector<std::string> origins, const asio::any_io_executor& executor);
  Mcp(const Mcp&) = delete;
  Mcp& operator=(const Mcp&) = delete;

  void add_to(http::Router& router);

 private:
  /// Who asks, on behalf of which conversation.
  struct Client {
    Caller caller;
    std::shared_ptr<Session> session;  ///< none: it names none, or one that is gone
    std::string named;                 ///< the session that it names; empty: none
    std::string revision;
  };
  Result<Caller> admit(const http::Exchange& exchange);
  Task<> take(http::Exchange& exchange);
  Task<> end_session(http::Exchange& exchange);
  Task<> serve(http::Exchange& exchange, Client client, Message message);
  Task<> begin(http::Exchange& exchange, Client client, Message message);
  Task<> call(http::Exchange& exchange, Client client, Message message);
  Task<> attend(http::Exchange& exchange, std::shared_ptr<Call> call, boost::json::value token);
  static void cancel(const Client& client, const Message& notification);
  static Task<> answer(http::Exchange& exchange, const Client& client, const Message& message,
                       boost::json::object result);
  static Task<> refuse(http::Exchange& exchange, const Client& client, Refusal refusal);

  store::Store& store_;
  WallClock clock_;
  std::vector<std::string> origins_;
  asio::any_io_executor executor_;
  Toolbox toolbox_;
  Sessions sessions_;
  TaskGroup tasks_;
};

}  // namespace brig::api::mcp
