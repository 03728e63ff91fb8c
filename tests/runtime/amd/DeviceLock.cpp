#include "runtime/amd/DeviceLock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

namespace rosso::amd {
namespace {

using testing::HasSubstr;

struct DeviceLockTest : testing::Test {
  void SetUp() override {
    char name[] = "/tmp/rosso-lock-XXXXXX";
    folder = mkdtemp(name);
    setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_RUNTIME_DIR");
    std::filesystem::remove_all(folder);
  }

  /// A process that takes the lock, says so, and waits to be killed.
  pid_t startOwner() {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto lock = DeviceLock::take("0000:03:00.0");
      const char answer = lock.ok() ? 'y' : 'n';
      (void)!write(ready[1], &answer, 1);
      for (;;)
        pause();
    }
    char answer = 0;
    EXPECT_EQ(read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
  }

  std::string folder;
};

TEST_F(DeviceLockTest, ASecondProcessLearnsWhoHasTheGpu) {
  const pid_t owner = startOwner();
  auto refused = DeviceLock::take("0000:03:00.0");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(refused.error().message,
              HasSubstr("GPU 0000:03:00.0: in use by pid " + std::to_string(owner) + ", amd_test"));
  EXPECT_TRUE(DeviceLock::take("0000:04:00.0").ok()); // another GPU
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
}

TEST_F(DeviceLockTest, ALockLeftByAKilledProcessIsTakenOver) {
  const pid_t owner = startOwner();
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(folder + "/rosso-gpu-0000:03:00.0.lock"));
  auto taken = DeviceLock::take("0000:03:00.0");
  EXPECT_TRUE(taken.ok()) << taken.error().message;
}

TEST_F(DeviceLockTest, IsFreeAgainWhenItsOwnerLetsGo) {
  {
    auto lock = DeviceLock::take("a/b c");
    ASSERT_TRUE(lock.ok()) << lock.error().message;
    EXPECT_FALSE(DeviceLock::take("a/b c").ok()); // even in the same process
    EXPECT_TRUE(std::filesystem::exists(folder + "/rosso-gpu-a_b_c.lock"));
  }
  EXPECT_TRUE(DeviceLock::take("a/b c").ok());
}

TEST_F(DeviceLockTest, SaysWhenTheFileCannotBeOpened) {
  setenv("XDG_RUNTIME_DIR", "/no/such/folder", 1);
  auto refused = DeviceLock::take("0");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("/no/such/folder/rosso-gpu-0.lock"));
  EXPECT_THAT(refused.error().message, HasSubstr("No such file"));
}

} // namespace
} // namespace rosso::amd
