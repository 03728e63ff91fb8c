#include "tools/dump/Texts.h"

#include "tools/cli/Progress.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>

namespace rosso::dump {

using emulator::InstructionClass;

namespace {

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

using ull = unsigned long long;

size_t widest(const Program &program) {
  size_t width = 6;
  for (const Kernel &kernel : program.kernels)
    width = std::max(width, kernel.name.size());
  return width;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

/// Dwords of a GPU, bytes of a host.
std::string bytesText(const std::vector<uint8_t> &bytes, bool dwords) {
  std::string text;
  if (dwords && bytes.size() % 4 == 0) {
    for (size_t i = 0; i < bytes.size(); i += 4) {
      uint32_t dword;
      std::memcpy(&dword, bytes.data() + i, 4);
      text += format(i ? " %08x" : "%08x", dword);
    }
    return text;
  }
  for (const uint8_t byte : bytes)
    text += format("%02x", byte);
  return text;
}

std::string mixOf(const MachineCounts &counts) {
  std::string text;
  for (size_t i = 0; i < kClasses; ++i)
    if (counts.byClass[i] > 0)
      text += format("%s%s %.0f", text.empty() ? "" : ", ",
                     std::string(className(static_cast<InstructionClass>(i))).c_str(),
                     counts.byClass[i]);
  return text;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// Waits of a loop that let no load stay in flight.
double fullWaits(const MachineCounts &counts) {
  return counts.loadRounds - counts.prefetchedRounds;
}

} // namespace

std::string planText(const Subject &subject, const std::string &kernel) {
  const Program &program = subject.program;
  std::string text;
  if (kernel.empty())
    text = "target " + program.target + "\narena  " + subject.plan.describe() + "\ncode   " +
           cli::formatBytes(program.code.size()) + ", " + std::to_string(program.kernels.size()) +
           " kernels\n\n";
  const size_t width = std::max<size_t>(44, widest(program));
  for (const Entry &entry : program.entries) {
    text += "entry " + entry.name + ", " + std::to_string(entry.launches.size()) +
            " launches (| waits for all before; bytes and operations at most)\n";
    text += padded("  launch   kernel", width + 11) + "          bytes     operations\n";
    uint64_t bytes = 0, operations = 0;
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const Launch &launch = entry.launches[i];
      const Kernel &k = subject.kernel(launch);
      if (!kernel.empty() && k.name != kernel)
        continue;
      text += format("  %4zu %s ", i, launch.barrierBefore ? "|" : " ") + padded(k.name, width) +
              format(" %14llu %14llu  ", static_cast<ull>(launch.bytesMoved),
                     static_cast<ull>(launch.operations)) +
              k.stats + "\n";
      bytes += launch.bytesMoved;
      operations += launch.operations;
    }
    text += padded("  total", width + 9) +
            format(" %14llu %14llu\n\n", static_cast<ull>(bytes), static_cast<ull>(operations));
  }
  return text;
}

std::string isaText(const KernelListing &kernel, const Machine *machine) {
  size_t bytes = 0;
  for (const InstructionListing &instruction : kernel.instructions)
    bytes += instruction.bytes.size();
  std::string text = "kernel " + kernel.name + ": " + std::to_string(bytes) + " bytes, " +
                     std::to_string(kernel.instructions.size()) + " instructions\n";
  for (size_t i = 0; i < kernel.instructions.size(); ++i) {
    const InstructionListing &instruction = kernel.instructions[i];
    text += format("  %06llx  ", static_cast<ull>(instruction.offset)) +
            padded(bytesText(instruction.bytes, machine), machine ? 26 : 22) + "  " +
            padded(instruction.text, 48) + "  ;";
    if (machine) {
      const MachineInstruction &known = machine->instructions[i];
      text += " " + std::string(className(known.what)) + format(" slots %u", known.slots);
      if (known.loop >= 0 || known.runs != 1)
        text += format(" x%.3g", known.runs);
      if (known.loop >= 0)
        text += format(" loop %d%s", known.loop, known.loop == machine->hot ? " hot" : "");
    }
    if (instruction.target >= 0)
      text += format(" -> %06llx", static_cast<ull>(instruction.target));
    if (instruction.line)
      text += format(" mlir:%u", instruction.line);
    text += "\n";
  }
  return text;
}

std::string resourcesText(const Subject &subject, const std::vector<KernelReport> &kernels,
                          const std::vector<std::vector<LaunchCost>> &costs,
                          const std::string &only) {
  const Program &program = subject.program;
  const size_t width = widest(program);
  auto skip = [&](const std::string &name) { return !only.empty() && name != only; };
  std::string text = "target " + program.target + " (" + std::string(subject.chip->board) + "), " +
                     str(subject.listing.at) + "\n\n" + padded("resources", width + 2) +
                     " threads vgprs sgprs spills scratch    lds waves/simd limit      code"
                     " instructions\n";
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Kernel &kernel = program.kernels[i];
    const KernelListing &listing = subject.listing.kernels[i];
    const KernelReport &report = kernels[i];
    if (skip(kernel.name))
      continue;
    text += "  " + padded(kernel.name, width) +
            format(" %7u %5u %5u %6u %7u %6u %10.1f %-10s %4llu %12zu\n", kernel.threads,
                   listing.vgprs, listing.sgprs, listing.vgprSpills + listing.sgprSpills,
                   listing.scratchBytes, listing.ldsBytes, report.occupancy.waves,
                   std::string(report.occupancy.limit).c_str(),
                   static_cast<ull>(report.machine.codeBytes), listing.instructions.size());
  }
  text += "\n" + padded("hot loop", width + 2) +
          "  iterations instructions  slots  valu  dot wmma loads  bytes  16-byte  full waits\n";
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Machine &machine = kernels[i].machine;
    if (skip(program.kernels[i].name) || machine.hot < 0)
      continue;
    const MachineCounts &loop = machine.iteration;
    text += "  " + padded(program.kernels[i].name, width) +
            format("  %10.1f %12.0f %6.0f %5.0f %4.0f %4.0f %5.0f %6.0f %7.0f%% %11.0f\n",
                   machine.loops[static_cast<size_t>(machine.hot)].runs, loop.instructions,
                   loop.slots, loop.of(InstructionClass::Valu), loop.of(InstructionClass::ValuDot),
                   loop.of(InstructionClass::Wmma), loop.of(InstructionClass::GlobalLoad),
                   loop.loadBytes / 32, 100 * share(loop.wideLoadBytes, loop.loadBytes),
                   fullWaits(loop));
  }
  text += "\nmix (instructions of the code, by class)\n";
  for (size_t i = 0; i < program.kernels.size(); ++i)
    if (!skip(program.kernels[i].name))
      text += "  " + padded(program.kernels[i].name, width) + "  " +
              mixOf(kernels[i].machine.once) + "\n";
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    double seconds = 0, least = 0;
    text += "\n" + padded("launches of " + entry.name, width + 9) +
            "   groups    waves     least MB     asked MB  ratio slots/weight       us bound\n";
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const LaunchCost &cost = costs[e][i];
      const std::string &name = subject.kernel(entry.launches[i]).name;
      if (skip(name))
        continue;
      const auto bytes = static_cast<double>(cost.leastBytes);
      seconds += cost.predicted.seconds;
      least += bytes;
      text += format("  %4zu %s ", i, entry.launches[i].barrierBefore ? "|" : " ") +
              padded(name, width) +
              format(" %8llu %8llu %12.3f %12.3f %6.2f ", static_cast<ull>(cost.groups),
                     static_cast<ull>(cost.waves), bytes / 1e6, cost.requestedBytes / 1e6,
                     share(cost.requestedBytes, bytes)) +
              (cost.weights ? format("%12.2f", cost.slotsPerWeight) : std::string(12, ' ')) +
              format(" %8.1f %s\n", cost.predicted.seconds * 1e6,
                     std::string(emulator::boundName(cost.predicted.bound)).c_str());
    }
    text +=
        padded("  total", width + 27) + format("%12.3f %32.1f us\n", least / 1e6, seconds * 1e6);
  }
  return text;
}

std::string sliceText(const TracedText &ir, const std::vector<int64_t> &nodes) {
  const std::set<int64_t> wanted(nodes.begin(), nodes.end());
  std::string text;
  size_t line = 0;
  for (std::string_view rest = ir.text; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (line < ir.nodes.size() && std::any_of(
                                      ir.nodes[line].begin(), ir.nodes[line].end(),
                                      [&](int64_t node) { return wanted.contains(node); }))
      text += format("%6zu ", line + 1) + std::string(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return text;
}

std::string graphSlice(const std::string &graph, const std::vector<int64_t> &nodes) {
  std::string text;
  for (const int64_t node : nodes) {
    const std::string head = "\n%" + std::to_string(node) + " = ";
    if (const size_t at = graph.find(head); at != std::string::npos)
      text += graph.substr(at + 1, graph.find('\n', at + 1) - at);
  }
  return text;
}

} // namespace rosso::dump
