#include "runtimes/remote/envd.h"

#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>

#include "agent/alone.h"
#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/base64.h"
#include "base/buffer.h"
#include "base/text.h"
#include "http/target.h"
#include "runtimes/remote/answers.h"
#include "runtimes/remote/connect_stream.h"
#include "runtimes/remote/e2b_answers.h"
#include "runtimes/remote/helper.h"
#include "runtimes/remote/lease.h"
#include "sys/confine.h"
#include "sys/random_bytes.h"

namespace brig::runtimes::remote {
namespace {

constexpr Milliseconds kStartLimit{15'000};
/// Without a byte of the stream, though signs of life are asked for; envd would send one every 90 seconds unasked.
constexpr Milliseconds kSilence{100'000};
constexpr std::string_view kSignOfLife = "20";  // seconds
constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::size_t kReadPiece = std::size_t{64} << 10;
constexpr std::size_t kGreetingMax = 256;

/// Root, as far as the sandbox has one: brig-init gives it up once it has made the folders that sandboxes have.
http::Headers envd_headers(const EnvdJob& job, std::string_view content_type) {
  http::Headers headers{{"Content-Type", std::string(content_type)},
                        {"Authorization", "Basic " + to_base64("root:")},
                        {"E2b-Sandbox-Id", job.id},
                        {"E2b-Sandbox-Port", std::string(kEnvdPort)}};
  if (!job.token.empty()) headers.add("X-Access-Token", job.token);
  return headers;
}

http::Headers connect_headers(const EnvdJob& job, std::string_view content_type) {
  http::Headers headers = envd_headers(job, content_type);
  headers.add("Connect-Protocol-Version", "1");
  return headers;
}

http::Request post(std::string target, http::Headers headers, std::string body) {
  return {.method = "POST",
          .target = std::move(target),
          .headers = std::move(headers),
          .body = std::move(body),
          .source = {},
          .length = {}};
}

/// The answer, if it is 200: what it says else.
Task<std::unique_ptr<http::Response>> expect_good(std::unique_ptr<http::Response> response, std::string host) {
  if (response->status() == 200) co_return response;
  CO_TRY(const std::string body, co_await response->read_body(kAnswerMax));
  co_return error_of(response->status(), body, host);
}

Task<> exchange(http::Client& client, http::Request request, std::string host) {
  CO_TRY(auto response, co_await client.send(std::move(request)));
  CO_TRY(response, co_await expect_good(std::move(response), std::move(host)));
  CO_TRY([[maybe_unused]] const std::string body, co_await response->read_body(kAnswerMax));
  co_return Result<>();
}

/// The events of one process, from the answer to its start.
class Events {
 public:
  explicit Events(std::unique_ptr<http::Response> response) : response_(std::move(response)) {}

  /// The next that means something here. kUnavailable if the stream breaks off; its proper end is an event.
  Task<ProcessEvent> next() {
    while (true) {
      CO_TRY(const auto envelope, reader_.next());
      if (envelope) {
        CO_TRY(auto event, read_event(*envelope));
        if (event.kind != ProcessEvent::Kind::kOther) co_return event;
        continue;
      }
      CO_TRY(const std::size_t count, co_await response_->read_some(buffer_.bytes()));
      if (count == 0) co_return Error(Code::kUnavailable, "its stream of events ended in the middle");
      reader_.feed({reinterpret_cast<const char*>(buffer_.bytes().data()), count});
    }
  }

 private:
  std::unique_ptr<http::Response> response_;
  http::EnvelopeReader reader_{kEnvelopeMax};
  Buffer buffer_{kReadPiece};
};

struct Agent {
  std::uint32_t pid = 0;
  std::string kernel;
  std::string rest;  ///< what it said behind its greeting
};

/// Until brig-init has greeted. Everything else that is printed there is somebody else's, and an end of it.
Task<Agent> wait_for_greeting(Events& events) {
  Agent agent;
  std::string out;
  std::string err;
  while (true) {
    CO_TRY(const ProcessEvent event, co_await events.next());
    if (event.kind == ProcessEvent::Kind::kStarted) agent.pid = event.pid;
    if (event.kind == ProcessEvent::Kind::kErr && err.size() < kTextMax) err += event.bytes;
    if (event.kind == ProcessEvent::Kind::kEnded || event.kind == ProcessEvent::Kind::kClosed) {
      co_return Error(Code::kUnavailable, "brig-init does not run there: " + event.text +
                                              (err.empty() ? "" : " (" + printable(err, kTextMax) + ")"));
    }
    if (event.kind != ProcessEvent::Kind::kOut) continue;
    out += event.bytes;
    const std::size_t end = out.find('\n');
    if (end == std::string::npos && out.size() <= kGreetingMax) continue;
    if (agent.pid == 0 || end > kGreetingMax || !out.starts_with(agent::kAloneGreeting))
      co_return Error(Code::kUnavailable, "what was started there is not brig-init: " + printable(out, kTextMax));
    const std::size_t begin = agent::kAloneGreeting.size();
    agent.kernel = printable(std::string_view(out).substr(begin, end - begin));
    agent.rest = out.substr(end + 1);
    co_return agent;
  }
}

/// What a relay carries between.
struct Ends {
  const EnvdJob& job;
  http::Client& input;
  Events& events;
  StreamSocket& channel;
  std::uint32_t pid;
};

/// Both directions end with an error if the connection does, and well if the agent or our own side has ended.
Task<> from_agent(Ends& ends) {
  while (true) {
    CO_TRY(const ProcessEvent event, co_await ends.events.next());
    if (event.kind == ProcessEvent::Kind::kEnded) co_return Result<>();
    if (event.kind == ProcessEvent::Kind::kClosed) {
      if (event.text.empty()) co_return Result<>();
      co_return Error(Code::kUnavailable, event.text);
    }
    if (event.kind != ProcessEvent::Kind::kOut) continue;
    if (!co_await ends.channel.write_all(std::as_bytes(std::span(event.bytes)))) co_return Result<>();
  }
}

Task<> to_agent(Ends& ends) {
  Buffer buffer(kPiece);
  while (true) {
    const auto count = co_await ends.channel.read_some(buffer.bytes());
    if (!count || *count == 0) co_return Result<>();
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.bytes().data()), *count);
    auto request = post("/process.Process/SendInput", connect_headers(ends.job, "application/json"),
                        input_request(ends.pid, bytes));
    CO_TRY_VOID(co_await exchange(ends.input, std::move(request), ends.job.at.host));
  }
}

Task<> upload(const EnvdJob& job, http::Client& client, std::string path) {
  const std::string boundary = sys::random_hex(16);
  auto request =
      post("/files?path=" + http::percent_encode(path) + "&username=root",
           envd_headers(job, "multipart/form-data; boundary=" + boundary), upload_body(job.program, boundary));
  auto sent = co_await exchange(client, std::move(request), job.at.host);
  co_return std::move(sent).context("bring brig-init into the sandbox");
}

/// brig-init, from its file, which has no right to be executed yet.
Task<std::unique_ptr<http::Response>> start(const EnvdJob& job, http::Client& client, std::string path) {
  std::vector<std::string> words{"-c", R"(chmod 700 "$0" && exec "$0" alone "$@")", std::move(path)};
  words.insert(words.end(), job.words.begin(), job.words.end());
  auto headers = connect_headers(job, "application/connect+json");
  headers.add("Keepalive-Ping-Interval", std::string(kSignOfLife));
  CO_TRY(auto response,
         co_await client.send(post("/process.Process/Start", std::move(headers), start_request("/bin/sh", words))));
  co_return co_await expect_good(std::move(response), job.at.host);
}

/// A connection for what is asked and answered, another for the events, which come all the time.
struct Clients {
  Clients(const asio::any_io_executor& executor, const EnvdJob& job)
      : input(executor, job.at.url, options(job.at, {})), events(executor, job.at.url, options(job.at, kSilence)) {}
  /// A program that does not read may keep an input waiting for ever.
  static http::ClientOptions options(const Destination& at, Milliseconds silence) {
    http::ClientOptions options = client_options(at);
    options.answer_time = {};
    options.stall_time = silence;
    return options;
  }
  http::Client input;
  http::Client events;
};

Task<std::unique_ptr<Events>> begin(const EnvdJob& job, Clients& clients, Agent& agent) {
  const std::string path = "/tmp/brig-init-" + sys::random_hex(16);
  CO_TRY_VOID(co_await upload(job, clients.input, path));
  CO_TRY(auto response, co_await start(job, clients.events, path));
  auto events = std::make_unique<Events>(std::move(response));
  CO_TRY(agent, co_await wait_for_greeting(*events));
  co_return events;
}

/// Well if an end has ended; a connection that has is an error.
Task<> carry(const EnvdJob& job, Fd channel, FdRef status) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  // Connections are made again where a server closes one; everything else is given up before the first byte comes.
  CO_TRY_VOID(sys::confine_self({.writable = {}, .usable = {}, .readable = {}, .has_network = true}));
  CO_TRY(auto stream, StreamSocket::adopt(executor, std::move(channel)));
  Clients clients(executor, job);
  Agent agent;
  auto events = co_await with_timeout(kStartLimit, begin(job, clients, agent), "starting brig-init there");
  if (!events) co_return std::move(events).error();
  tell(status, kRelayReady, agent.kernel);
  CO_TRY_VOID(co_await stream.write_all(std::as_bytes(std::span(agent.rest))));
  Ends ends{.job = job, .input = clients.input, .events = **events, .channel = stream, .pid = agent.pid};
  auto first = co_await (from_agent(ends) || to_agent(ends));
  co_return first.index() == 0 ? std::get<0>(std::move(first)) : std::get<1>(std::move(first));
}

[[noreturn]] void be_relay(const EnvdJob& job, Fd channel, Fd status, Fd tie, pid_t parent) {
  end_with(parent);
  become_helper(kRelayName, std::array{channel.ref(), status.ref(), tie.ref()});
  asio::io_context io(1);
  const auto carried = run(io, carry(job, std::move(channel), status.ref()));
  const std::string why = carried ? "" : printable(carried.error().message(), kTextMax);
  if (!carried) tell(status.ref(), kRelayFailed, why);
  tell(tie.ref(), carried ? kTieEnded : kTieLost, why);
  ::_exit(carried ? 0 : 1);
}

}  // namespace

Task<Relay> start_envd_relay(EnvdJob job, Fd tie) {
  CO_TRY(auto ends, make_relay_ends());
  const std::string host = job.at.host;
  const pid_t parent = ::getpid();
  CO_TRY(auto child, sys::clone(0, FdRef()));
  if (!child) be_relay(job, std::move(ends.channel.second), std::move(ends.status.second), std::move(tie), parent);
  tie.reset();
  co_return co_await await_relay(*std::move(child), std::move(ends), host);
}

}  // namespace brig::runtimes::remote
