// A function of tensors, recorded once as a program and called from then on without its code.
//
// While a Capture lives, the tensors that this thread makes from its inputs are not computed:
// realising them is put off, and writing a buffer or an input in place is recorded as its new
// state. `finish` compiles what was returned and what was written. Buffers that were read keep
// being read, at each call, where they are; buffers that were written are written in place, and so
// are the arguments whose inputs were written.
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
  /// What it is made of: enough to make it again, in another process too.
  struct Place {
    int index = -1; // where the program has it
    Shape shape;
    DType dtype = DType::F32;
    int argument = -1; // that is this result
  };
  struct Kept { // a buffer that is read or written
    int index = -1;
    std::shared_ptr<Storage> storage;
    bool isWritten = false;
    std::string name;
  };
  struct WrittenArgument {
    int argument = -1, index = -1; // index of the state that it is
    std::string name;
  };
  struct Parts {
    std::string graph; // its text; empty where there is nothing to compute
    DeviceName device = nullptr;
    std::vector<Place> inputs, outputs;
    std::vector<Tensor> constants; // results that need no program, by output; else undefined
    std::vector<Kept> kept;
    std::vector<WrittenArgument> written;
  };
  const Parts &parts() const { return parts_; }
  /// Errors: as of compiling.
  static Result<std::shared_ptr<CapturedFunction>> of(Parts parts);

  /// Tensors of the shapes and types of the capture's inputs, with the values of its variables; new
  /// tensors for the results. Errors: BadInput where an input is not what was captured.
  Result<std::vector<Tensor>> call(std::span<const Tensor> inputs, const VarValues &values = {});

  const Program &program() const { return bound_->program(); }
  /// Whether a call writes to tensors that it is given: they need memory of their own.
  bool writesArguments() const { return !parts_.written.empty(); }

private:
  friend class Capture;
  Status compile(const Graph &graph);

  Parts parts_;
  std::shared_ptr<BoundProgram> bound_;
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
  /// `assign` of a buffer, an input or a view of one, recorded; a view then shows what was written.
  Status write(Tensor &target, const Tensor &value);
  /// What a buffer or an input holds at this point of the capture.
  NodeRef valueOf(const NodeRef &leaf) const;
  /// Whether writing this writes memory that outlives the call: a buffer's or an argument's.
  bool writesMemory(const Node &node) const;

private:
  struct State {
    NodeRef leaf;      // the buffer or input, as the function met it
    int argument = -1; // of an input
    std::string name;
    Tensor before; // the leaf that stands for it in the program
    Tensor now;
  };

  int argumentOf(const Node &node) const; // -1: none
  State *stateOf(const NodeRef &base);

  Capture *outer_ = nullptr;
  std::vector<Tensor> inputs_;
  std::map<const void *, State> states_; // by the storage of a buffer, by the node of an input
};

/// Whether a value is computed from buffers: by a captured function at every call, as they may have
/// been written since.
bool readsMemory(const NodeRef &value);

/// What a source of a new node stands for: itself, unless a capture has written it.
NodeRef valueNow(const NodeRef &source);

} // namespace rosso
