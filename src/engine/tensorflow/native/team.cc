#include "team.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace deepcluster {
namespace {

// The threads besides the caller. They sleep between operations and end with the process: a team is never destroyed.
class Team {
 public:
  static Team& Get() {
    static Team* const team = new Team(ThreadCount());
    return *team;
  }

  void Run(int64_t count, const std::function<void(int64_t)>& work) {
    // One operation at a time; a second JavaScript thread's does without the team.
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (count < 2 || helpers_ == 0 || !turn.owns_lock()) {
      for (int64_t job = 0; job < count; ++job) work(job);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      count_ = count;
      next_ = 0;
      busy_ = helpers_;
      ++round_;
    }
    begin_.notify_all();
    TakeJobs();
    std::unique_lock<std::mutex> lock(mutex_);
    end_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  explicit Team(int threads) : helpers_(threads - 1) {
    for (int i = 0; i < helpers_; ++i) std::thread([this] { Help(); }).detach();
  }

  static int ThreadCount() {
    const char* const given = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int threads = given == nullptr ? 0 : std::atoi(given);
    return std::max(1, threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency()));
  }

  void TakeJobs() {
    for (int64_t job; (job = next_.fetch_add(1)) < count_;) (*work_)(job);
  }

  void Help() {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        begin_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
      }
      TakeJobs();
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) end_.notify_one();
    }
  }

  const int helpers_;
  std::mutex turn_;
  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  // Of the round that runs; written under mutex_ while no helper is busy.
  const std::function<void(int64_t)>* work_ = nullptr;
  int64_t count_ = 0;
  uint64_t round_ = 0;
  // Helpers that are not done with the round.
  int busy_ = 0;
  std::atomic<int64_t> next_{0};
};

}  // namespace

void ForEachJob(int64_t count, const std::function<void(int64_t)>& work) {
  Team::Get().Run(count, work);
}

}  // namespace deepcluster
