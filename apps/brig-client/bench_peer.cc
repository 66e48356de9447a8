#include "bench_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::client {
namespace {

constexpr int kPatienceMs = 60'000;
const std::vector<std::string> kEnvironment{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp",
                                            "MPLBACKEND=Agg", "OPENBLAS_NUM_THREADS=1"};

Result<std::pair<Fd, Fd>> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return Error::last_system("make a pipe");
  return std::pair(Fd(fds[0]), Fd(fds[1]));
}

}  // namespace

// An interpreter of its own for each "start", so that nothing of the one before is in it. The last expression's value
// becomes what a notebook shows of it.
const std::string_view kBarePeer = R"(
import json, subprocess, sys
CHILD = r'''
import ast, io, json, sys
names = {}
for line in sys.stdin:
    tree = ast.parse(json.loads(line))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    if value is not None:
        html = getattr(value, "_repr_html_", None)
        html and html()
        repr(value)
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else ():
        pyplot.figure(number).savefig(io.BytesIO(), format="png", bbox_inches="tight")
    pyplot and pyplot.close("all")
    print("ok", flush=True)
'''
child = None
def tell(code):
    child.stdin.write(json.dumps(code) + "\n")
    child.stdin.flush()
    return child.stdout.readline().strip()
for line in sys.stdin:
    (what, code), = json.loads(line).items()
    if what == "start":
        child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(tell("pass"), flush=True)
    elif what == "run":
        print(tell(code), flush=True)
    else:
        child.stdin.close()
        child.wait()
        print("ok", flush=True)
)";

const std::string_view kJupyterPeer = R"(
import json, os, sys
from jupyter_client import KernelManager
os.environ.pop("MPLBACKEND")  # its own shows figures
manager = client = None
for line in sys.stdin:
    (what, code), = json.loads(line).items()
    said = "ok"
    if what == "start":
        manager = KernelManager()
        manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
    elif what == "run":
        reply = client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
        said = reply["content"]["status"]
    else:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(said, flush=True)
)";

Result<Peer> Peer::start(const std::string& interpreter, std::string_view text) {
  auto [their_in, in] = TRY(make_pipe());
  auto [out, their_out] = TRY(make_pipe());
  const std::vector<sys::Inherited> fds{{their_in.ref(), 0}, {their_out.ref(), 1}, {FdRef(STDERR_FILENO), 2}};
  const std::vector<std::string> arguments{"-c", std::string(text)};
  sys::Child child = TRY(sys::spawn(interpreter, arguments, kEnvironment, fds));
  return Peer(std::move(in), std::move(out), std::move(child));
}

Peer::~Peer() {
  in_.reset();  // it ends with its input
  if (out_.is_open()) (void)child_.wait();
}

Result<> Peer::ask(const std::string& what, const std::string& code) {
  const boost::json::object request{{what, code}};
  TRY(sys::write_all(in_.ref(), json::write(request) + "\n"));
  std::string answer;
  while (!answer.ends_with('\n')) {
    pollfd ready{.fd = out_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) return Error(Code::kUnavailable, "the peer does not answer");
    std::array<char, 256> piece{};
    const ssize_t count = ::read(out_.get(), piece.data(), piece.size());
    if (count <= 0) return Error(Code::kUnavailable, "the peer has ended");
    answer.append(piece.data(), static_cast<std::size_t>(count));
  }
  if (answer == "ok\n") return {};
  return Error(Code::kInternal, "the peer says " + printable(answer, 80));
}

}  // namespace brig::client
