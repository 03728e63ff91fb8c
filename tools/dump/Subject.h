// What a dump is about: a graph from a model or a graph file, and all that the compiler made of it.
#pragma once

#include "frontend/Graph.h"
#include "runtime/ArenaPlan.h"
#include "runtime/amd/Chip.h"
#include "runtime/program/Listing.h"
#include "runtime/program/Program.h"

#include <string>

namespace rosso::dump {

struct Subject {
  std::string source; // the file's name
  std::string graphText;
  Program program;
  Listing listing;
  ArenaPlan plan;
  const amd::Chip *chip = nullptr; // null on a host

  bool isGpu() const { return chip != nullptr; }
  const Kernel &kernel(const Launch &launch) const { return program.kernels[launch.kernel]; }
};

/// "P=4095, T=512"
std::string str(const VarValues &values);

/// The name of what a reference of an entry means: "weight blk.0.attn_q.weight", "scratch".
std::string nameOf(const Program &program, uint32_t entry, const BufferRef &ref);
std::string_view name(Space space);

} // namespace rosso::dump
