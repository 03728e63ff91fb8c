#include "tools/cli/Child.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rosso::cli {

namespace {

Error failed(const std::string &what, int code) {
  return {ErrorCode::Internal, what + ": " + std::strerror(code)};
}

} // namespace

Result<std::string> runSelf(const std::vector<std::string> &arguments) {
  int pipeEnds[2];
  if (pipe(pipeEnds) != 0)
    return failed("pipe", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipeEnds[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, pipeEnds[0]);
  posix_spawn_file_actions_addclose(&actions, pipeEnds[1]);

  // The real name, not /proc/self/exe: the compiler library is found beside it.
  std::error_code ignored;
  std::string self = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  std::vector<char *> argv{self.data()};
  std::vector<std::string> owned = arguments;
  for (std::string &argument : owned)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int spawned = posix_spawn(&child, self.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipeEnds[1]);
  std::string output;
  if (spawned == 0) {
    char buffer[4096];
    for (ssize_t count; (count = read(pipeEnds[0], buffer, sizeof buffer)) != 0;)
      if (count > 0)
        output.append(buffer, static_cast<size_t>(count));
      else if (errno != EINTR)
        break;
  }
  close(pipeEnds[0]);
  if (spawned != 0)
    return failed(self, spawned);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error{ErrorCode::Internal, self + ": a process of its own failed"};
  return output;
}

Result<TemporaryFolder> TemporaryFolder::make() {
  TemporaryFolder folder;
  std::error_code ignored;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(ignored);
  folder.path_ = (parent / "rosso-XXXXXX").string();
  if (!mkdtemp(folder.path_.data())) {
    const Error error = failed(folder.path_, errno);
    folder.path_.clear();
    return error;
  }
  return folder;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty())
    std::filesystem::remove_all(path_, ignored);
}

} // namespace rosso::cli
