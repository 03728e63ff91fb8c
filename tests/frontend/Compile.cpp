#include "frontend/Compile.h"

#include "frontend/CompileCache.h"
#include "frontend/CompilerLibrary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace rosso {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Graph graphNamed(const std::string &name) {
  Node node{.op = Op::Input,
            .dtype = DType::F32,
            .format = nullptr,
            .shape = {Dim::variable("T")},
            .sources = {},
            .attrs = {{"name", std::string("x")}},
            .storage = nullptr,
            .device = nullptr,
            .error = std::nullopt};
  Graph graph;
  graph.vars = {{"T", {1, 8}}};
  graph.entries = {{name, {{"y", std::make_shared<const Node>(std::move(node))}}}};
  return graph;
}

/// A cache directory and the fake compiler, for the life of a test.
class Compile : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("rosso-compile-" + std::to_string(getpid()));
    fs::remove_all(folder);
    setenv("ROSSO_CACHE_DIR", folder.c_str(), 1);
    setenv("ROSSO_COMPILER", ROSSO_TEST_COMPILER, 1);
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(folder, fs::perms::owner_all, ignored);
    fs::remove_all(folder, ignored);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    if (fs::exists(folder))
      for (const auto &entry : fs::directory_iterator(folder))
        all.push_back(entry.path());
    return all;
  }

  fs::path folder;
};

Program compileOrDie(const Graph &graph, bool expectCached, CompileOptions options = {}) {
  CompileStats stats;
  auto program = compile(graph, options, &stats);
  EXPECT_TRUE(program.ok()) << program.error().message;
  EXPECT_EQ(stats.cached, expectCached);
  EXPECT_EQ(stats.key.size(), 64u);
  return program.ok() ? *program : Program{};
}

TEST_F(Compile, SecondTimeComesFromDisk) {
  const Program made = compileOrDie(graphNamed("decode"), false);
  EXPECT_THAT(std::string(made.code.begin(), made.code.end()), HasSubstr("entry decode"));
  ASSERT_EQ(files().size(), 1u);
  EXPECT_EQ(files()[0].extension(), ".program");
  EXPECT_EQ(compileOrDie(graphNamed("decode"), true), made);
}

TEST_F(Compile, EverythingTheProgramDependsOnIsInTheKey) {
  compileOrDie(graphNamed("decode"), false);
  compileOrDie(graphNamed("prefill"), false);
  compileOrDie(graphNamed("decode"), false, {.exact = true});
  compileOrDie(graphNamed("decode"), false, {.target = "amdgpu:gfx1100"});
  Graph longer = graphNamed("decode");
  longer.vars["T"].max = 9;
  compileOrDie(longer, false);
  EXPECT_EQ(files().size(), 5u);
  compileOrDie(graphNamed("decode"), true);

  // Another build of the compiler makes other programs.
  const fs::path copy = folder / "other-compiler.so";
  fs::copy_file(ROSSO_TEST_COMPILER, copy);
  setenv("ROSSO_COMPILER", copy.c_str(), 1);
  compileOrDie(graphNamed("decode"), false);
  compileOrDie(graphNamed("decode"), true);
}

TEST_F(Compile, DamagedFilesAreWrittenAgain) {
  const Program made = compileOrDie(graphNamed("decode"), false);
  const fs::path file = files()[0];
  const auto size = fs::file_size(file);
  for (const char *damage : {"truncate", "flip", "empty", "directory"}) {
    if (damage == std::string("truncate"))
      fs::resize_file(file, size / 2);
    else if (damage == std::string("empty"))
      fs::resize_file(file, 0);
    else if (damage == std::string("flip"))
      std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(100).put('\x5a');
    else
      fs::remove(file), fs::create_directory(file);
    const Program again = compileOrDie(graphNamed("decode"), false);
    EXPECT_EQ(again.code, made.code) << damage;
    if (damage != std::string("directory"))
      EXPECT_EQ(compileOrDie(graphNamed("decode"), true), again) << damage;
  }
  EXPECT_EQ(files().size(), 1u) << "no temporary file is left";
}

TEST_F(Compile, WorksWithoutACacheToWriteTo) {
  setenv("ROSSO_CACHE_DIR", "/proc/no-such-place", 1);
  compileOrDie(graphNamed("decode"), false);
  compileOrDie(graphNamed("decode"), false);
  setenv("ROSSO_CACHE_DIR", folder.c_str(), 1);
  compileOrDie(graphNamed("decode"), false);
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  compileOrDie(graphNamed("decode"), true);
  compileOrDie(graphNamed("prefill"), false);
}

TEST_F(Compile, NoCacheNeitherReadsNorWrites) {
  compileOrDie(graphNamed("decode"), false, {.noCache = true});
  EXPECT_TRUE(files().empty());
  compileOrDie(graphNamed("decode"), false);
  compileOrDie(graphNamed("decode"), false, {.noCache = true});
}

TEST_F(Compile, DumpsSeeEveryStageEvenWhenCached) {
  compileOrDie(graphNamed("decode"), false);
  std::string seen;
  CompileOptions options;
  options.dump = [&](std::string_view stage, std::string_view, std::string_view text) {
    seen += std::string(stage) + ": " + std::string(text);
  };
  compileOrDie(graphNamed("decode"), false, options);
  EXPECT_THAT(seen, HasSubstr("graph: var T [1, 8]"));
}

TEST_F(Compile, ErrorsOfTheCompilerArrive) {
  auto failed = compile(graphNamed("fail"));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(failed.error().message, "blk.0.attn_q.weight: no");
  EXPECT_TRUE(files().empty());
}

TEST_F(Compile, ABadNodeStopsBeforeTheCompiler) {
  Graph graph = graphNamed("decode");
  auto bad = std::make_shared<Node>(*graph.entries[0].outputs[0].second);
  bad->error = badInput("add: [2] and [3] do not match");
  graph.entries[0].outputs[0].second = bad;
  setenv("ROSSO_COMPILER", "/nowhere", 1);
  EXPECT_EQ(compile(graph).error().message, "add: [2] and [3] do not match");
}

TEST_F(Compile, AMissingCompilerSaysWhatToDo) {
  setenv("ROSSO_COMPILER", "/nowhere/librosso-compiler.so", 1);
  auto missing = compile(graphNamed("decode"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::Internal);
  EXPECT_THAT(missing.error().message, HasSubstr("/nowhere/librosso-compiler.so"));
  EXPECT_THAT(missing.error().message, HasSubstr("build the target rosso-compiler"));

  setenv("ROSSO_COMPILER", "/proc/self/maps", 1);
  EXPECT_THAT(compile(graphNamed("decode")).error().message, HasSubstr("compiler library: "));
  setenv("ROSSO_COMPILER", ROSSO_TEST_NO_COMPILER, 1);
  EXPECT_THAT(compile(graphNamed("decode")).error().message, HasSubstr("no symbol rossoCompile"));
}

TEST_F(Compile, ManyProcessesShareTheCache) {
  std::vector<pid_t> children;
  for (int child = 0; child < 6; ++child) {
    const pid_t pid = fork();
    if (pid == 0) {
      bool ok = true;
      for (int i = 0; i < 40 && ok; ++i) {
        auto program = compile(graphNamed("entry" + std::to_string(i % 4)));
        ok = program.ok() && program->vars.size() == 1;
      }
      _exit(ok ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) {
    int status = 1;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(files().size(), 4u);
  for (int i = 0; i < 4; ++i)
    compileOrDie(graphNamed("entry" + std::to_string(i)), true);
}

TEST_F(Compile, TheCacheKeepsWhatWasUsedLast) {
  const auto used = [&](const std::string &key, int minutesAgo) {
    fs::last_write_time(folder / (key + ".program"),
                        fs::file_time_type::clock::now() - std::chrono::minutes(minutesAgo));
  };
  Program program;
  program.code.resize(1000);
  const CompileCache large(folder, 1 << 20);
  for (const char *key : {"a", "b", "c"})
    EXPECT_TRUE(large.store(key, program));
  used("a", 30);
  used("b", 20);
  used("c", 10);
  EXPECT_TRUE(large.find("a"));           // and so the latest
  const CompileCache small(folder, 3500); // three programs of a little over 1000 bytes
  EXPECT_TRUE(small.store("d", program));
  EXPECT_TRUE(small.find("a"));
  EXPECT_FALSE(small.find("b"));
  EXPECT_TRUE(small.find("c"));
  EXPECT_TRUE(small.find("d"));
}

TEST(HostTargetName, NamesThisProcessor) {
  EXPECT_EQ(hostTargetName(), hostTargetName());
  EXPECT_THAT(hostTargetName(), testing::MatchesRegex("host:.+-[0-9a-f]{16}"));
}

} // namespace
} // namespace rosso
