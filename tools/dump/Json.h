// Writes JSON, one value after the other. Objects and arrays begin a new line for each element down
// to a depth, so that files stay greppable without being long.
#pragma once

#include "tools/cli/ModelFlags.h"

#include <string>
#include <string_view>

namespace rosso::dump {

class Json {
public:
  /// Elements of containers this deep and deeper stay in one line.
  explicit Json(int linesTo) : linesTo_(linesTo) {}

  Json &beginObject() { return open('{'); }
  Json &endObject() { return close('}'); }
  Json &beginArray() { return open('['); }
  Json &endArray() { return close(']'); }

  Json &key(std::string_view name) {
    next();
    text_ += cli::json(name) + ": ";
    keyed_ = true;
    return *this;
  }

  Json &value(std::string_view text) { return raw(cli::json(text)); }
  Json &value(const std::string &text) { return raw(cli::json(std::string_view(text))); }
  Json &value(const char *text) { return raw(cli::json(std::string_view(text))); }
  Json &value(double number) { return raw(cli::json(number)); }
  Json &value(bool yes) { return raw(yes ? "true" : "false"); }
  Json &value(int number) { return raw(std::to_string(number)); }
  Json &value(unsigned number) { return raw(std::to_string(number)); }
  Json &value(int64_t number) { return raw(std::to_string(number)); }
  Json &value(uint64_t number) { return raw(std::to_string(number)); }
  Json &null() { return raw("null"); }

  template <typename T> Json &field(std::string_view name, const T &content) {
    key(name);
    return value(content);
  }
  template <typename List> Json &list(std::string_view name, const List &values) {
    key(name).beginArray();
    for (const auto &each : values)
      value(each);
    return endArray();
  }

  std::string take() {
    text_ += '\n';
    return std::move(text_);
  }

private:
  Json &raw(std::string_view text) {
    next();
    text_ += text;
    return *this;
  }
  Json &open(char bracket) {
    next();
    text_ += bracket;
    ++depth_;
    first_ = true;
    return *this;
  }
  Json &close(char bracket) {
    --depth_;
    if (!first_ && depth_ < linesTo_)
      (text_ += '\n').append(static_cast<size_t>(depth_), ' ');
    text_ += bracket;
    first_ = false;
    return *this;
  }
  /// What stands between the element before and the next one.
  void next() {
    if (keyed_) {
      keyed_ = false;
      return;
    }
    if (!first_)
      text_ += ',';
    if (depth_ > 0 && depth_ <= linesTo_)
      (text_ += '\n').append(static_cast<size_t>(depth_), ' ');
    else if (!first_)
      text_ += ' ';
    first_ = false;
  }

  int linesTo_, depth_ = 0;
  bool first_ = true, keyed_ = false;
  std::string text_;
};

} // namespace rosso::dump
