#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/impl/src.hpp>  // Asio's own code for TLS: compiled here and nowhere else

namespace brig::http {
namespace {

namespace ssl = boost::asio::ssl;

/// OpenSSL's reason for what failed last; the queue of the thread is emptied.
std::string openssl_reason() {
  const unsigned long code = ::ERR_peek_last_error();
  std::array<char, 256> text{};
  ::ERR_error_string_n(code, text.data(), text.size());
  ::ERR_clear_error();
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : text.data();
}

Error refuse(const std::string& what) { return {Code::kInvalidArgument, what + ": " + openssl_reason()}; }

std::unique_ptr<ssl::context> make_context(ssl::context::method method) {
  auto context = std::make_unique<ssl::context>(method);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A connection that only waits gives its 34 KB of buffers back.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<ssl::context> context) : context_(std::move(context)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::server(const std::string& certificate_file,
                                                       const std::string& key_file) {
  ::ERR_clear_error();
  auto context = make_context(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  if (::SSL_CTX_use_certificate_chain_file(native, certificate_file.c_str()) != 1) {
    return refuse("use the certificate " + certificate_file);
  }
  if (::SSL_CTX_use_PrivateKey_file(native, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return refuse("use the key " + key_file);
  }
  if (::SSL_CTX_check_private_key(native) != 1) {
    return refuse("the key " + key_file + " does not belong to " + certificate_file);
  }
  return std::make_shared<TlsContext>(std::move(context));
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const std::string& authorities_file) {
  ::ERR_clear_error();
  auto context = make_context(ssl::context::tls_client);
  SSL_CTX* native = context->native_handle();
  const bool is_loaded = authorities_file.empty()
                             ? ::SSL_CTX_set_default_verify_paths(native) == 1
                             : ::SSL_CTX_load_verify_locations(native, authorities_file.c_str(), nullptr) == 1;
  if (!is_loaded) return refuse("use the authorities " + authorities_file);
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  return std::make_shared<TlsContext>(std::move(context));
}

}  // namespace brig::http
