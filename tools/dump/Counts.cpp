#include "tools/dump/Counts.h"

#include "runtime/Device.h"

#include <algorithm>
#include <cstdio>

namespace rosso::dump {

using namespace emulator;

namespace {

double bytesOf(const Counters &counters) {
  uint64_t bytes = 0;
  for (const auto &[buffer, readAndWritten] : counters.perBuffer)
    bytes += readAndWritten.first + readAndWritten.second;
  return static_cast<double>(bytes);
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

} // namespace

Result<MeasuredEntry> measure(const Subject &subject, const std::string &name) {
  const Program &program = subject.program;
  MeasuredEntry measured;
  measured.entry = static_cast<uint32_t>(program.entries.size()) - 1;
  std::string names;
  bool found = name.empty();
  for (uint32_t e = 0; e < program.entries.size(); ++e) {
    names += (e ? ", " : "") + program.entries[e].name;
    if (program.entries[e].name == name) {
      measured.entry = e;
      found = true;
    }
  }
  if (!found)
    return badInput("option --entry: found '" + name + "', wanted one of " + names);

  RunOptions options;
  options.device = "emu:" + std::string(subject.chip->name) + ",trace";
  ROSSO_TRY(const std::unique_ptr<Device> device, openDevice(options));
  ROSSO_CHECK(device->load(program, subject.plan));
  Counting *counting = device->counting();
  if (!counting)
    return Error{ErrorCode::Internal, "device " + options.device + " does not count"};
  std::vector<int64_t> vars;
  for (const auto &[variable, bounds] : program.vars)
    vars.push_back(subject.listing.at.at(variable));
  counting->keepDispatches(true);
  ROSSO_TRY(const Ticket ticket, device->submit(measured.entry, vars));
  ROSSO_CHECK(device->wait(ticket));
  measured.dispatches = counting->takeDispatches();
  const Entry &entry = program.entries[measured.entry];
  for (size_t i = 0; i < entry.launches.size(); ++i)
    if (itemCount(entry.launches[i], subject.listing.at))
      measured.launches.push_back(i);
  if (measured.launches.size() != measured.dispatches.size())
    return Error{ErrorCode::Internal,
                 "entry " + entry.name + ": " + std::to_string(measured.dispatches.size()) +
                     " dispatches of " + std::to_string(measured.launches.size()) + " launches"};
  return measured;
}

std::string countsText(const Subject &subject, const MeasuredEntry &measured,
                       const std::vector<std::vector<LaunchCost>> &costs,
                       const std::string &kernel) {
  const Entry &entry = subject.program.entries[measured.entry];
  size_t width = 6;
  for (const Launch &launch : entry.launches)
    width = std::max(width, subject.kernel(launch).name.size());
  auto padded = [](std::string text, size_t to) {
    text.resize(std::max(to, text.size()), ' ');
    return text;
  };
  std::string text = "entry " + entry.name + " on the emulator, " + subject.program.target + ", " +
                     str(subject.listing.at) + "\n" + padded("  launch kernel", width + 9) +
                     "   groups        slots  est.  loads MB  est.  moved MB least  rounds  lanes"
                     "       us  est. bound\n";
  double seconds = 0, estimated = 0, moved = 0;
  for (size_t d = 0; d < measured.dispatches.size(); ++d) {
    const size_t i = measured.launches[d];
    const std::string &name = subject.kernel(entry.launches[i]).name;
    if (!kernel.empty() && name != kernel)
      continue;
    const DispatchCount &count = measured.dispatches[d];
    const LaunchCost &cost = costs[measured.entry][i];
    const Counters &real = count.counters;
    const auto slots = static_cast<double>(real.slots), loads = static_cast<double>(real.loadBytes);
    const double bytes = bytesOf(real);
    char line[256];
    std::snprintf(
        line, sizeof line,
        " %8u %12.0f %5.2f %9.3f %5.2f %9.3f %5.2f %7.2f %5.0f%% %8.1f %5.2f %s\n", count.groups,
        slots, ratio(static_cast<double>(cost.counters.slots), slots), loads / 1e6,
        ratio(static_cast<double>(cost.counters.loadBytes), loads), bytes / 1e6,
        ratio(bytes, static_cast<double>(cost.leastBytes)),
        ratio(static_cast<double>(real.loadRounds), static_cast<double>(real.waves)),
        100 * ratio(static_cast<double>(real.activeLanes), static_cast<double>(real.laneSlots)),
        count.predicted.seconds * 1e6, ratio(cost.predicted.seconds, count.predicted.seconds),
        std::string(boundName(count.predicted.bound)).c_str());
    char number[16];
    std::snprintf(number, sizeof number, "  %4zu %s ", i,
                  entry.launches[i].barrierBefore ? "|" : " ");
    text += number + padded(name, width) + line;
    seconds += count.predicted.seconds;
    estimated += cost.predicted.seconds;
    moved += bytes;
  }
  char total[160];
  std::snprintf(total, sizeof total, "  total: %.3f MB moved, %.1f us, estimated %.1f us\n",
                moved / 1e6, seconds * 1e6, estimated * 1e6);
  return text + total;
}

} // namespace rosso::dump
