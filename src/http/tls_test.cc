// TLS with a certificate that the test makes itself.
#include "http/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "http/client.h"
#include "http/connect.h"
#include "http/listen.h"
#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::HasSubstr;
using namespace testing;

/// A key and a certificate that it signed itself, for "localhost", in two files.
class Certificate {
 public:
  Certificate() {
    const std::string base = ::testing::TempDir() + "brig_tls_" + std::to_string(::getpid());
    certificate_file = base + ".pem";
    key_file = base + ".key";
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), &X509_free);
    X509_set_version(x509.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(x509.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("brig"), -1, -1, 0);
    X509_set_issuer_name(x509.get(), name);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x509.get(), extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x509.get(), key.get(), EVP_sha256());
    std::FILE* file = std::fopen(certificate_file.c_str(), "we");
    PEM_write_X509(file, x509.get());
    std::fclose(file);
    file = std::fopen(key_file.c_str(), "we");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  ~Certificate() {
    ::unlink(certificate_file.c_str());
    ::unlink(key_file.c_str());
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  std::string certificate_file;
  std::string key_file;
};

Task<> echo_body(Exchange& exchange) {
  if (exchange.is_websocket()) {
    CO_TRY(auto socket, co_await exchange.accept_websocket());
    CO_TRY(const Message message, co_await socket->read(1000));
    co_return co_await socket->write_text(message.bytes);
  }
  CO_TRY(const std::string body, co_await exchange.read_body(10'000'000));
  co_return co_await exchange.send(200, {}, exchange.peer().is_tls ? "tls " + body : "plain");
}

class Tls : public ::testing::Test {
 protected:
  Tls() : rig_(echo_body, {.handshake_time = Milliseconds(50)}) {
    auto socket = *listen_on(*parse_endpoint("127.0.0.1:0"));
    endpoint_ = *endpoint_of(socket.ref());
    auto context = TlsContext::server(certificate_.certificate_file, certificate_.key_file);
    if (!context.has_value() || !rig_.server->listen(std::move(socket), *context).has_value()) std::abort();
  }
  std::unique_ptr<Client> client(const std::string& host, std::shared_ptr<TlsContext> tls) {
    const std::string url = "https://" + host + ":" + std::to_string(endpoint_.port);
    return std::make_unique<Client>(rig_.io.get_executor(), *parse_server_url(url),
                                    ClientOptions{.tls = std::move(tls)});
  }
  Certificate certificate_;
  Rig rig_;
  Endpoint endpoint_;
};

TEST_F(Tls, CarriesRequestsBothWays) {
  auto trusting = client("localhost", *TlsContext::client(certificate_.certificate_file));
  const std::string big(1'000'000, 'b');
  for (int i = 0; i < 2; ++i) {
    auto response = run(rig_.io, trusting->send({.method = "POST", .body = big}));
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(*run(rig_.io, (*response)->read_body()), "tls " + big);
  }
  EXPECT_EQ(rig_.server->figures().accepted, 1U);
  auto socket = *run(rig_.io, trusting->websocket("/ws"));
  ASSERT_TRUE(run(rig_.io, (*socket)->write_text("over tls")).has_value());
  EXPECT_EQ(run(rig_.io, (*socket)->read(100))->bytes, "over tls");
}

TEST_F(Tls, IsVerifiedByTheClient) {
  auto strange = client("localhost", *TlsContext::client());
  const auto untrusted = run(rig_.io, strange->send({}));
  ASSERT_FALSE(untrusted.has_value());
  EXPECT_THAT(untrusted.error().message(), HasSubstr("certificate verify failed"));
  auto misnamed = client("127.0.0.1", *TlsContext::client(certificate_.certificate_file));
  EXPECT_FALSE(run(rig_.io, misnamed->send({})).has_value());
}

TEST_F(Tls, IsNotForeverWaitedFor) {
  RawClient silent(rig_.io, *run(rig_.io, connect_to(endpoint_)));
  EXPECT_EQ(silent.read_to_end(), "");
  RawClient plain(rig_.io, *run(rig_.io, connect_to(endpoint_)));
  (void)plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(plain.read_to_end()), 0);
}

TEST_F(Tls, RefusesUnusableFilesByName) {
  const auto missing = TlsContext::server("/nowhere.pem", certificate_.key_file);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(missing.error().message(), HasSubstr("/nowhere.pem"));
  EXPECT_THAT(TlsContext::server(certificate_.certificate_file, certificate_.certificate_file).error().message(),
              HasSubstr("use the key"));
  EXPECT_FALSE(TlsContext::client("/nowhere.pem").has_value());
}

}  // namespace
}  // namespace brig::http
