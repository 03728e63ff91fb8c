#include "tools/cli/Arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace rosso::cli {

namespace {

constexpr size_t kHelpColumn = 26;

/// The whole of `text` as a number.
template <typename T> bool parseWhole(std::string_view text, T &value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string shortest(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

Error wanted(std::string_view found, const std::string &what) {
  return badInput("found '" + std::string(found) + "', wanted " + what);
}

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr Unit kUnits[] = {{"", 1},
                           {"B", 1},
                           {"KiB", 1024.0},
                           {"MiB", 1048576.0},
                           {"GiB", 1073741824.0},
                           {"TiB", 1099511627776.0},
                           {"KB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"TB", 1e12}};

} // namespace

void Arguments::positional(std::string name, std::string help, std::string &target) {
  positionalName_ = std::move(name);
  positionalHelp_ = std::move(help);
  positional_ = &target;
}

void Arguments::flag(std::string name, std::string help, bool &target) {
  options_.push_back({std::move(name), "", std::move(help), [&target](std::string_view) {
                        target = true;
                        return Status();
                      }});
}

void Arguments::text(std::string name, std::string value, std::string help, std::string &target) {
  options_.push_back(
      {std::move(name), std::move(value), std::move(help), [&target](std::string_view text) {
         target = text;
         return Status();
       }});
}

void Arguments::integer(std::string name, std::string help, int64_t &target, int64_t least,
                        int64_t most) {
  options_.push_back({std::move(name), "N", std::move(help),
                      [&target, least, most](std::string_view text) -> Status {
                        int64_t value = 0;
                        if (!parseWhole(text, value) || value < least || value > most)
                          return wanted(text, "a whole number from " + std::to_string(least) +
                                                  " to " + std::to_string(most));
                        target = value;
                        return {};
                      }});
}

void Arguments::number(std::string name, std::string help, double &target, double least,
                       double most) {
  options_.push_back({std::move(name), "X", std::move(help),
                      [&target, least, most](std::string_view text) -> Status {
                        double value = 0;
                        if (!parseWhole(text, value) || !(value >= least && value <= most))
                          return wanted(text, "a number from " + shortest(least) + " to " +
                                                  shortest(most));
                        target = value;
                        return {};
                      }});
}

void Arguments::choice(std::string name, std::vector<std::string> choices, std::string help,
                       std::string &target) {
  std::string list;
  for (const std::string &choice : choices)
    list += (list.empty() ? "" : "|") + choice;
  auto set = [&target, choices, list](std::string_view text) -> Status {
    if (std::find(choices.begin(), choices.end(), text) == choices.end())
      return wanted(text, "one of " + list);
    target = text;
    return {};
  };
  options_.push_back({std::move(name), list, std::move(help), set});
}

void Arguments::bytes(std::string name, std::string help, uint64_t &target) {
  auto set = [&target](std::string_view text) -> Status {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    for (const Unit &known : kUnits)
      if (error == std::errc() && unit == known.name && value > 0 && value * known.bytes < 0x1p62) {
        target = static_cast<uint64_t>(value * known.bytes);
        return {};
      }
    return wanted(text, "a number of bytes such as 512MiB, 20GiB or 20GB");
  };
  options_.push_back({std::move(name), "BYTES", std::move(help), set});
}

void Arguments::integers(std::string name, std::string help, std::vector<int32_t> &target) {
  auto set = [&target](std::string_view text) -> Status {
    const std::string_view whole = text;
    target.clear();
    while (!text.empty() || target.empty()) {
      const std::string_view word = text.substr(0, text.find(','));
      if (!parseWhole(word, target.emplace_back()))
        return wanted(whole, "whole numbers separated by commas");
      text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    return {};
  };
  options_.push_back({std::move(name), "1,2,3", std::move(help), set});
}

Arguments::Option *Arguments::find(std::string_view name) {
  for (Option &option : options_)
    if (option.name == name)
      return &option;
  return nullptr;
}

Error Arguments::error(const std::string &message) const {
  return badInput(message + "; see " + tool_ + " --help");
}

Result<bool> Arguments::parse(int argc, const char *const *argv) {
  bool named = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      const std::string text = help();
      std::fwrite(text.data(), 1, text.size(), stdout);
      return false;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      if (!positional_ || named)
        return error("unexpected argument '" + std::string(argument) + "'");
      *positional_ = argument;
      named = true;
      continue;
    }
    const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string_view::npos;
    const std::string name(argument.substr(0, equals));
    Option *option = find(name);
    if (!option)
      return error("unknown option '" + name + "'");
    if (option->seen)
      return error("option " + name + " given twice");
    option->seen = true;
    std::string_view value;
    if (option->value.empty()) {
      if (equals != std::string_view::npos)
        return error("option " + name + " takes no value");
    } else if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return error("option " + name + ": no value, wanted " + option->value);
    }
    if (Status status = option->set(value); !status)
      return error("option " + name + ": " + status.error().message);
  }
  if (positional_ && !named)
    return error("no " + positionalName_);
  return true;
}

std::string Arguments::help() const {
  std::string out = "usage: " + tool_ + (positional_ ? " " + positionalName_ : "") +
                    " [options]\n\n" + summary_ + "\n\n";
  auto row = [&](const std::string &left, const std::string &right) {
    out += "  " + left;
    if (left.size() + 4 > kHelpColumn)
      out += "\n" + std::string(kHelpColumn, ' ');
    else
      out += std::string(kHelpColumn - 2 - left.size(), ' ');
    out += right + "\n";
  };
  if (positional_)
    row(positionalName_, positionalHelp_);
  for (const Option &option : options_)
    row(option.name + (option.value.empty() ? "" : " " + option.value), option.help);
  row("--help", "print this");
  return out;
}

int finish(const Status &status) {
  if (!status) {
    std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
    return exitCode(status.error());
  }
  if (std::fflush(stdout) != 0) {
    std::fputs("error: standard output: cannot write\n", stderr);
    return 1;
  }
  return 0;
}

} // namespace rosso::cli
