// Command lines: a tool declares its flags with the variables they set; parsing checks every value
// and gives one clear error. `--name value` and `--name=value` mean the same.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::cli {

class Arguments {
public:
  /// `summary` is what --help says first.
  Arguments(std::string tool, std::string summary)
      : tool_(std::move(tool)), summary_(std::move(summary)) {}

  /// The one argument without a name; required.
  void positional(std::string name, std::string help, std::string &target);
  void flag(std::string name, std::string help, bool &target);
  void text(std::string name, std::string value, std::string help, std::string &target);
  void integer(std::string name, std::string help, int64_t &target, int64_t least, int64_t most);
  void number(std::string name, std::string help, double &target, double least, double most);
  /// One of `choices`.
  void choice(std::string name, std::vector<std::string> choices, std::string help,
              std::string &target);
  /// A number of bytes: "1048576", "512MiB", "20GiB", "20GB".
  void bytes(std::string name, std::string help, uint64_t &target);
  /// Integers separated by commas.
  void integers(std::string name, std::string help, std::vector<int32_t> &target);

  /// False if --help was asked for and printed.
  Result<bool> parse(int argc, const char *const *argv);
  std::string help() const;

private:
  struct Option {
    std::string name, value, help; // value: what --help calls it; empty for a flag
    std::function<Status(std::string_view)> set;
    bool seen = false;
  };

  Option *find(std::string_view name);
  Error error(const std::string &message) const;

  std::string tool_, summary_;
  std::string positionalName_, positionalHelp_;
  std::string *positional_ = nullptr;
  std::vector<Option> options_;
};

/// What main does with the result of a tool: prints the error, gives the exit code.
int finish(const Status &status);

} // namespace rosso::cli
