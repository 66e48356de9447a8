#pragma once
/// TLS contexts: TLS 1.2 and later, nothing else.
#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace brig::http {

class TlsContext {
 public:
  /// A server's: certificate chain and private key, PEM files. kInvalidArgument naming the file if one is unusable or
  /// they do not belong together.
  static Result<std::shared_ptr<TlsContext>> server(const std::string& certificate_file, const std::string& key_file);
  /// A client's: verifies chain and host name against the system's authorities, or those in `authorities_file`.
  static Result<std::shared_ptr<TlsContext>> client(const std::string& authorities_file = "");

  explicit TlsContext(std::unique_ptr<boost::asio::ssl::context> context);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();
  [[nodiscard]] boost::asio::ssl::context& context() { return *context_; }

 private:
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace brig::http
