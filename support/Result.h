// Errors as values: a message for the user and a code for the program.
//
// The world's faults (files, arguments, drivers, hardware) travel in a `Result<T>`; our own
// faults are assertions. A message says where, what was found, what was wanted, and the next step.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace rosso {

enum class ErrorCode { BadInput, Unsupported, OutOfMemory, Timeout, DeviceLost, Internal };

struct Error {
  ErrorCode code;
  std::string message;

  /// The same error seen from further out: "where: message".
  Error in(const std::string &where) const { return {code, where + ": " + message}; }
};

inline Error badInput(std::string message) { return {ErrorCode::BadInput, std::move(message)}; }
inline Error unsupported(std::string message) {
  return {ErrorCode::Unsupported, std::move(message)};
}
inline Error outOfMemory(std::string message) {
  return {ErrorCode::OutOfMemory, std::move(message)};
}

/// A value or the `Error` that kept us from it.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T &operator*() & { return std::get<0>(state_); }
  const T &operator*() const & { return std::get<0>(state_); }
  T &&operator*() && { return std::get<0>(std::move(state_)); }
  T *operator->() { return &std::get<0>(state_); }
  const T *operator->() const { return &std::get<0>(state_); }
  const Error &error() const { return std::get<1>(state_); }

private:
  std::variant<T, Error> state_;
};

template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error &error() const { return *error_; }

private:
  std::optional<Error> error_;
};

using Status = Result<void>;

/// The exit code of a tool that ends with this error: 2 for the user's input, 1 for the rest.
inline int exitCode(const Error &error) {
  return error.code == ErrorCode::BadInput || error.code == ErrorCode::Unsupported ? 2 : 1;
}

} // namespace rosso

/// Evaluates a Result; returns its error from this function, or binds its value to `decl`.
#define ROSSO_TRY(decl, expr) ROSSO_TRY_IMPL(ROSSO_CONCAT(rossoResult, __LINE__), decl, expr)
#define ROSSO_TRY_IMPL(temp, decl, expr)                                                           \
  auto temp = (expr);                                                                              \
  if (!temp)                                                                                       \
    return temp.error();                                                                           \
  decl = *std::move(temp)
#define ROSSO_CONCAT(a, b) ROSSO_CONCAT2(a, b)
#define ROSSO_CONCAT2(a, b) a##b

/// Evaluates a Status and returns its error from this function.
#define ROSSO_CHECK(expr)                                                                          \
  if (auto rossoStatus = (expr); !rossoStatus)                                                     \
  return rossoStatus.error()
