// What this machine has to run models on, and proof that it does.
#include "runtime/amd/kfd/Kernel.h"
#include "tools/cli/Arguments.h"
#include "tools/doctor/Proof.h"
#include "tools/doctor/Survey.h"

#include <algorithm>
#include <cstdio>

using namespace rosso;
using namespace rosso::doctor;

namespace {

struct Flags {
  std::string device; // empty: all there are
  bool json = false, surveyOnly = false;

  Result<bool> parse(int argc, char **argv) {
    cli::Arguments arguments("rosso-doctor",
                             "Shows what this machine has to run models on, and proves it.");
    arguments.text("--device", "NAME", "prove this one: host, emu[:CHIP,...], amd[:N] (all)",
                   device);
    arguments.flag("--survey", "run nothing", surveyOnly);
    arguments.flag("--json", "print JSON", json);
    return arguments.parse(argc, argv);
  }
};

Status run(const Flags &flags) {
  Survey survey;
  surveyGpus(amd::kfd::linuxKernel(), survey);
  surveyHost(survey);
  std::vector<std::string> wanted;
  if (!flags.device.empty())
    wanted = {flags.device};
  else
    for (const Candidate &candidate : survey.candidates)
      if (candidate.problem.empty())
        wanted.push_back(candidate.device);

  Section devices{"devices", {}};
  for (const Candidate &candidate : survey.candidates)
    devices.add(candidate.device, candidate.problem.empty() ? "can be used" : candidate.problem);
  if (std::ranges::none_of(survey.candidates, [](const Candidate &candidate) {
        return candidate.device.starts_with("amd");
      }))
    devices.add("amd", "no GPU that can be used");
  survey.sections.push_back(std::move(devices));

  Status status;
  for (const std::string &device : wanted) {
    if (flags.surveyOnly)
      continue;
    Section section{"proof on " + device, {}};
    if (auto proved = prove(device, section); !proved) {
      section.add("failed", proved.error().message);
      if (status.ok())
        status = proved.error().in("proof on " + device);
    }
    survey.sections.push_back(std::move(section));
  }
  std::fputs((flags.json ? toJson : toText)(survey.sections).c_str(), stdout);
  std::fflush(stdout); // before an error
  return status;
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  auto parsed = flags.parse(argc, argv);
  if (!parsed || !*parsed)
    return cli::finish(parsed ? Status() : parsed.error());
  return cli::finish(run(flags));
}
