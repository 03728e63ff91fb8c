#include "frontend/CompilerLibrary.h"

#include <malloc.h>
#include <sys/stat.h>

namespace rosso {

CompilerLibrary::CompilerLibrary() : file_("compiler") {
  struct stat status;
  if (stat(file_.path().c_str(), &status) == 0)
    build_ = std::to_string(status.st_size) + "-" + std::to_string(status.st_mtim.tv_sec) + "." +
             std::to_string(status.st_mtim.tv_nsec);
}

Result<Program> CompilerLibrary::compile(const Graph &graph, const CompileOptions &options) const {
  ROSSO_TRY(void *entry, file_.find(kCompilerEntry));
  Result<Program> program = Error{ErrorCode::Internal, "compiler library: returned nothing"};
  reinterpret_cast<CompilerEntry *>(entry)(&graph, &options, &program);
  malloc_trim(0); // the compiler's heap, tens of megabytes, before the weights come
  return program;
}

} // namespace rosso
