/// brig-launch's loop against those who ask: strangers who want more than is theirs, and messages that are none.
#include "runtimes/process/launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/buffer.h"
#include "root/room.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/testing/hosts.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

/// A user that nobody is.
constexpr uid_t kStranger = 54'321;
constexpr int kPatienceMs = 20'000;

/// What one asker holds: closing `control` ends its sandbox.
struct Asked {
  Fd control;
  Fd channel;
  Fd their_control;  ///< until it has been sent
  Fd their_channel;
};

Asked ask_for_one() {
  auto control = *sys::seqpacket_pair();
  auto channel = *sys::stream_pair();
  return {.control = std::move(control.first),
          .channel = std::move(channel.first),
          .their_control = std::move(control.second),
          .their_channel = std::move(channel.second)};
}

/// The next answer; none if the launcher has closed the control socket.
std::optional<Reply> answer_to(const Asked& asked) {
  pollfd event{asked.control.get(), POLLIN, 0};
  if (::poll(&event, 1, kPatienceMs) <= 0) {
    ADD_FAILURE() << "no answer";
    return {};
  }
  Buffer buffer(sys::kMaxMessage);
  const auto message = sys::receive_message(asked.control.ref(), buffer.bytes());
  if (!message.has_value() || message->size == 0) return {};
  auto reply = decode_reply({reinterpret_cast<const char*>(buffer.bytes().data()), message->size});
  EXPECT_TRUE(reply.has_value());
  return reply.has_value() ? std::optional(*std::move(reply)) : std::nullopt;
}

/// The code of a refusal; kInternal with a message if it was none.
Code refusal_of(const Asked& asked) {
  const auto reply = answer_to(asked);
  if (!reply.has_value()) return Code::kCancelled;
  if (const auto* failed = std::get_if<Failed>(&*reply)) return failed->error.code();
  ADD_FAILURE() << "not refused";
  return Code::kInternal;
}

class Launcher : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: asks as other users";
    start(kWardensMax);
    char name[] = "/tmp/brig-launcher-XXXXXX";
    folder_ = ::mkdtemp(name);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }

  void TearDown() override {
    requests_.reset();
    if (child_.is_running()) (void)child_.wait();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  void start(std::size_t wardens_max) {
    requests_.reset();
    if (child_.is_running()) (void)child_.wait();
    auto [ours, theirs] = *sys::seqpacket_pair();
    ASSERT_TRUE(sys::name_senders(theirs.ref()).has_value());
    auto child = *sys::clone(0, FdRef());
    if (!child.has_value()) {
      ours.reset();
      const auto result = run_launcher(std::move(theirs), report_abilities(), BRIG_BIN_DIR, LauncherLife::kUntilClosed,
                                       process_maker, wardens_max);
      ::_exit(result.has_value() ? 0 : 1);
    }
    child_ = *std::move(child);
    requests_ = std::move(ours);
  }

  /// A file or folder (a name that ends in "/") with that owner and mode.
  std::string place(const std::string& name, uid_t uid, gid_t gid, mode_t mode, const std::string& text = "text") {
    const std::string path = folder_ + "/" + name;
    if (name.ends_with('/')) std::filesystem::create_directory(path.substr(0, path.size() - 1));
    else std::ofstream(path) << text;
    EXPECT_EQ(::chown(path.c_str(), uid, gid), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  }

  static LaunchRequest request(const std::string& id = "launcher-test") {
    LaunchRequest request = plain_request();
    request.id = id + "-" + std::to_string(::getpid());
    return request;
  }

  /// Asks as `uid`, who opens the mounts itself with these flags; what it cannot open it does not ask for.
  Asked ask(LaunchRequest request, uid_t uid = 0, int flags = O_RDONLY) {
    Asked asked = ask_for_one();
    auto child = *sys::clone(0, FdRef());
    if (!child.has_value()) {
      if (uid != 0 &&
          (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0))
        ::_exit(2);
      std::vector<Fd> opened;
      std::vector<FdRef> fds{asked.their_control.ref(), asked.their_channel.ref()};
      for (const LaunchMount& mount : request.mounts) {
        opened.emplace_back(::open(mount.host.c_str(), flags | O_CLOEXEC));
        if (!opened.back().is_open()) ::_exit(3);
        fds.push_back(opened.back().ref());
      }
      const std::string bytes = encode(request);
      ::_exit(sys::send_message(requests_.ref(), std::as_bytes(std::span(bytes)), fds).has_value() ? 0 : 4);
    }
    EXPECT_EQ(child->wait()->value, 0) << "asking as " << uid;
    asked.their_control.reset();
    asked.their_channel.reset();
    return asked;
  }

  Asked send(std::span<const std::byte> bytes, std::size_t copies = 1) {
    Asked asked = ask_for_one();
    std::vector<FdRef> fds{asked.their_control.ref()};
    for (std::size_t i = 0; i < copies; ++i) fds.push_back(asked.their_channel.ref());
    EXPECT_TRUE(sys::send_message(requests_.ref(), bytes, fds).has_value());
    asked.their_control.reset();
    asked.their_channel.reset();
    return asked;
  }

  void expect_that_it_still_serves() {
    const Asked asked = ask(request("still"));
    const auto reply = answer_to(asked);
    ASSERT_TRUE(reply.has_value());
    const auto* failed = std::get_if<Failed>(&*reply);
    EXPECT_TRUE(std::holds_alternative<Ready>(*reply)) << (failed != nullptr ? failed->error.message() : "");
  }

  /// A sandbox made for `uid` that runs a shell script.
  std::string see(const LaunchRequest& request, uid_t uid, const std::string& script) {
    Asked asked = ask(request, uid);
    const auto reply = answer_to(asked);
    if (!reply.has_value()) return "no answer";
    if (const auto* failed = std::get_if<Failed>(&*reply)) return failed->error.message();
    EXPECT_TRUE(sys::set_nonblocking(asked.channel.ref(), true).has_value());
    Inside inside;
    inside.connect(std::move(asked.channel));
    return inside.is_ready() ? inside.shell(script).out : "no session";
  }

  Fd requests_;
  sys::Child child_;
  std::string folder_;
};

constexpr const char* kReadAll = "for f in /shown/*; do cat $f >/dev/null 2>&1 && echo $(basename $f); done";

TEST_F(Launcher, ShowsAStrangerWhatTheStrangerCouldRead) {
  LaunchRequest wanted = request();
  wanted.mounts = {{.host = place("own/", kStranger, kStranger, 0700), .path = "shown", .is_folder = true}};
  place("own/mine", kStranger, kStranger, 0600);
  place("own/my_groups", 0, kStranger, 0640);
  place("own/roots", 0, 0, 0600);
  place("own/roots_group", 0, 0, 0640);
  place("own/everybodys", 0, 0, 0644);
  EXPECT_EQ(see(wanted, kStranger, kReadAll), "everybodys\nmine\nmy_groups\n");
}

/// What a stranger may open does not tell what lies below it: mapping the owner would show all that is the owner's.
TEST_F(Launcher, LendsAStrangerNotTheRightsOfAFoldersOwner) {
  LaunchRequest wanted = request();
  wanted.mounts = {{.host = place("shared/", 0, kStranger, 0750), .path = "shown", .is_folder = true}};
  place("shared/roots", 0, 0, 0600);
  place("shared/everybodys", 0, 0, 0644);
  EXPECT_EQ(see(wanted, kStranger, kReadAll), "everybodys\n");
  EXPECT_EQ(see(wanted, 0, kReadAll), "everybodys\nroots\n") << "root's own right";
}

TEST_F(Launcher, TakesADescriptorForAProofOfReadingOnlyIfItIsOne) {
  LaunchRequest wanted = request();
  wanted.mounts = {{.host = place("roots", 0, 0, 0600), .path = "shown"}};
  EXPECT_EQ(refusal_of(ask(wanted, kStranger, O_PATH)), Code::kDenied);
  wanted.mounts = {{.host = place("written", kStranger, kStranger, 0200), .path = "shown"}};
  EXPECT_EQ(refusal_of(ask(wanted, kStranger, O_WRONLY)), Code::kDenied);
}

TEST_F(Launcher, LetsNoStrangerHaveAFolderWrittenTo) {
  LaunchRequest wanted = request();
  wanted.mounts = {
      {.host = place("own/", kStranger, kStranger, 0700), .path = "shown", .is_folder = true, .is_writable = true}};
  EXPECT_EQ(refusal_of(ask(wanted, kStranger)), Code::kDenied);
}

TEST_F(Launcher, MakesOnlySoManyAtOnce) {
  start(2);
  Asked first = ask(request("a"));
  const Asked second = ask(request("b"));
  EXPECT_TRUE(std::holds_alternative<Ready>(answer_to(first).value()));
  EXPECT_TRUE(std::holds_alternative<Ready>(answer_to(second).value()));
  EXPECT_EQ(refusal_of(ask(request("c"))), Code::kExhausted);
  const std::string destroy = encode(AskMessage{.what = Ask::kDestroy});
  ASSERT_TRUE(sys::send_message(first.control.ref(), std::as_bytes(std::span(destroy))).has_value());
  EXPECT_TRUE(std::holds_alternative<Ended>(answer_to(first).value()));
  EXPECT_FALSE(answer_to(first).has_value());  // its warden is gone
  // The launcher hears of that by a signal, which may come after the next request.
  for (int attempt = 0; attempt < 200; ++attempt) {
    const Asked third = ask(request("c"));
    const auto reply = answer_to(third);
    ASSERT_TRUE(reply.has_value());
    if (std::holds_alternative<Ready>(*reply)) return;
    ::poll(nullptr, 0, 20);
  }
  ADD_FAILURE() << "the place of the first was never given away";
}

TEST_F(Launcher, EndsNobodysSandboxForOneWithTheSameName) {
  Asked first = ask(request());
  EXPECT_TRUE(std::holds_alternative<Ready>(answer_to(first).value()));
  EXPECT_EQ(refusal_of(ask(request())), Code::kInvalidArgument);
  const Asked of_a_stranger = ask(request(), kStranger);
  EXPECT_TRUE(std::holds_alternative<Ready>(answer_to(of_a_stranger).value()));
  ASSERT_TRUE(sys::set_nonblocking(first.channel.ref(), true).has_value());
  Inside inside;
  inside.connect(std::move(first.channel));
  EXPECT_EQ(inside.shell("echo alive").out, "alive\n");
}

TEST_F(Launcher, OutlivesMessagesThatAreNone) {
  const std::string good = encode(request());
  const auto bytes = std::as_bytes(std::span(good));
  EXPECT_EQ(refusal_of(send(bytes.first(bytes.size() - 1))), Code::kInvalidArgument);
  EXPECT_EQ(refusal_of(send(bytes, 2)), Code::kInvalidArgument) << "one descriptor too many";
  EXPECT_EQ(refusal_of(send(bytes, 0)), Code::kInvalidArgument) << "one too few";
  EXPECT_EQ(refusal_of(send({})), Code::kInvalidArgument) << "not one byte";
  ASSERT_TRUE(sys::send_message(requests_.ref(), bytes).has_value());
  expect_that_it_still_serves();
}

TEST_F(Launcher, OutlivesAMessageThatIsCut) {
  // More descriptors than a request may have, past our own bound on what we send: the kernel cuts them off.
  Asked asked = ask_for_one();
  std::array<int, 250> fds;
  fds.fill(asked.their_control.get());
  std::byte byte{};
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* ancillary = CMSG_FIRSTHDR(&header);
  ancillary->cmsg_level = SOL_SOCKET;
  ancillary->cmsg_type = SCM_RIGHTS;
  ancillary->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(ancillary), fds.data(), sizeof fds);
  ASSERT_EQ(::sendmsg(requests_.get(), &header, MSG_NOSIGNAL), 1);
  asked.their_control.reset();
  EXPECT_FALSE(answer_to(asked).has_value()) << "what came of it is closed";
  expect_that_it_still_serves();
}

TEST_F(Launcher, TakesNothingButTheSocketsItNeeds) {
  const std::string good = encode(request());
  const auto bytes = std::as_bytes(std::span(good));
  const Fd folder = *sys::open("/", O_RDONLY);
  Asked asked = ask_for_one();
  ASSERT_TRUE(
      sys::send_message(requests_.ref(), bytes, std::array{asked.their_control.ref(), folder.ref()}).has_value());
  EXPECT_EQ(refusal_of(asked), Code::kInvalidArgument);
  // Its own request socket: a guest could ask, or a warden answer there.
  asked = ask_for_one();
  ASSERT_TRUE(
      sys::send_message(requests_.ref(), bytes, std::array{asked.their_control.ref(), requests_.ref()}).has_value());
  EXPECT_EQ(refusal_of(asked), Code::kInvalidArgument);
  expect_that_it_still_serves();
}

TEST_F(Launcher, DoesNotWaitForWhoDoesNotRead) {
  const std::array<std::byte, 4096> filling{};
  Asked deaf = ask_for_one();
  while (sys::send_message(deaf.their_control.ref(), filling, {}, sys::IfFull::kFail).has_value()) {
  }
  ASSERT_TRUE(sys::send_message(requests_.ref(), filling, std::array{deaf.their_control.ref()}).has_value());
  expect_that_it_still_serves();
}

}  // namespace
}  // namespace brig::runtimes::process
