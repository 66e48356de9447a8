#include "store/checkpointer.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "sys/file.h"

namespace brig::store {
namespace {

/// 16 MB. The first commit after a complete copy begins the log anew and waits for one sync itself, so copies are rare.
constexpr int kManyPages = 4000;
constexpr std::chrono::seconds kPause{1};

/// While writers never pause the log is never copied to its end, and so never begun anew. From this size on (64 MB)
/// writers are kept out for the milliseconds that the rest takes.
constexpr int kTooManyPages = 4 * kManyPages;

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(const std::string& path) {
  return std::unique_ptr<Checkpointer>(new Checkpointer(TRY(Db::open(path)), path + "-wal"));
}

Checkpointer::Checkpointer(std::unique_ptr<Db> db, std::string log) : db_(std::move(db)), log_(std::move(log)) {
  // Signals are for the thread that has the loop.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Checkpointer::~Checkpointer() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::committed(int log_pages) {
  bool is_woken = false;
  {
    const std::scoped_lock lock(mutex_);
    log_pages_ = log_pages;
    is_woken = !is_dirty_ || (is_waiting_for_more_ && log_pages >= enough_);
    is_dirty_ = true;
    if (is_woken) is_waiting_for_more_ = false;
  }
  if (is_woken) wake_.notify_one();
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return is_dirty_ || is_stopping_; });
    if (log_pages_ < copied_) copied_ = 0;  // the log was begun anew
    enough_ = copied_ + kManyPages;
    is_waiting_for_more_ = true;
    wake_.wait_for(lock, kPause, [&] { return log_pages_ >= enough_ || is_stopping_; });
    is_waiting_for_more_ = false;
    if (is_stopping_) return;
    is_dirty_ = false;
    const bool is_large = log_pages_ >= enough_;
    lock.unlock();
    const bool is_done = is_large ? checkpoint() : sync_log();
    lock.lock();
    if (!is_done) is_dirty_ = true;
  }
}

bool Checkpointer::checkpoint() {
  auto state = db_->checkpoint(false);
  if (state.has_value() && state->log >= kTooManyPages) state = db_->checkpoint(true);
  if (state.has_value()) copied_ = state->done;
  return state.has_value();
}

bool Checkpointer::sync_log() const {
  // SQLite's own locks are on the database file and the index: opening and closing the log drops none of them.
  const auto file = sys::open(log_, O_RDONLY | O_NOFOLLOW);
  return file.has_value() && ::fdatasync(file->get()) == 0;
}

}  // namespace brig::store
