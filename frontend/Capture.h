// A function of tensors, recorded once as a program and called from then on without its code.
//
// While a Capture lives, the tensors that this thread makes from its inputs are not computed:
// realising them is put off, and writing a buffer in place is recorded as the new state of that
// buffer. `finish` compiles what was returned and what was written. Buffers that were read keep
// being read, at each call, where they are; buffers that were written are written in place.
//
//   Capture capture;
//   Tensor x = capture.input({4, 8}, DType::F32);
//   ROSSO_TRY(auto function, capture.finish(std::vector{model(x)}));
//   ROSSO_TRY(std::vector<Tensor> y, function->call(std::vector{data}));
#pragma once

#include "frontend/BoundProgram.h"
#include "frontend/Tensor.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace rosso {

class CapturedFunction {
public:
  /// Tensors of the shapes and types of the capture's inputs, with the values of its variables; new
  /// tensors for the results. Errors: BadInput where an input is not what was captured.
  Result<std::vector<Tensor>> call(std::span<const Tensor> inputs, const VarValues &values = {});

  const Program &program() const { return bound_->program(); }

private:
  friend class Capture;
  struct Place {
    int index = -1;
    Shape shape;
    DType dtype = DType::F32;
  };
  struct Kept {
    int index = -1;
    std::shared_ptr<Storage> storage;
    bool isWritten = false;
  };

  std::shared_ptr<BoundProgram> bound_;
  DeviceName device_ = nullptr;
  std::vector<Place> inputs_, outputs_;
  std::vector<Tensor> constants_; // results that need no program, by output; else undefined
  std::vector<Kept> kept_;        // buffers that are read or written
};

class Capture {
public:
  Capture();
  ~Capture();
  Capture(const Capture &) = delete;
  Capture &operator=(const Capture &) = delete;

  /// What stands for the next argument of the function.
  Tensor input(Shape shape, DType dtype, const std::string &device);
  /// What writes the buffers of this capture so far.
  bool hasWrites() const { return !states_.empty(); }

  /// Compiles the function that returns `outputs`. The capture is over.
  Result<std::shared_ptr<CapturedFunction>> finish(std::span<const Tensor> outputs);

  /// The capture of this thread; null if there is none.
  static Capture *current();
  /// `assign` of a buffer or a view of one, recorded.
  Status write(Tensor &target, const Tensor &value);
  /// What a buffer holds at this point of the capture.
  NodeRef valueOf(const NodeRef &buffer) const;

private:
  struct State {
    NodeRef buffer; // the leaf, as the function met it
    std::string name;
    Tensor before; // the leaf that stands for it in the program
    Tensor now;
  };

  Capture *outer_ = nullptr;
  std::vector<Tensor> inputs_;
  std::map<const Storage *, State> states_;
};

/// What a source of a new node stands for: itself, unless a capture has written it.
NodeRef valueNow(const NodeRef &source);

} // namespace rosso
