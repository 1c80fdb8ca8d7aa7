// Kernels of our own on a GPU: compiled at run time by the NVRTC that comes with libtorch, loaded and started by NVIDIA's driver.
// Both are opened by name and called through prototypes of our own, because a user's libtorch brings no CUDA headers.
#pragma once

#include <string>
#include <vector>

namespace selfsight {

using DriverResult = int;  // of CUDA's driver and of NVRTC alike; 0: success

/** What is called of the driver (CUDA Driver API; its symbols keep their meaning from release to release). */
struct KernelDriver {
  DriverResult (*init)(unsigned flags);
  DriverResult (*device)(int* device, int place);
  DriverResult (*attribute)(int* value, int attribute, int device);
  DriverResult (*retainContext)(void** context, int device);
  DriverResult (*pushContext)(void* context);
  DriverResult (*popContext)(void** context);
  DriverResult (*loadModule)(void** module, const void* image);
  DriverResult (*function)(void** function, void* module, const char* name);
  DriverResult (*launch)(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                         unsigned sharedBytes, void* stream, void** parameters, void** extra);
  DriverResult (*errorName)(DriverResult result, const char** name);
  bool worksOnHostMemory;  // a library of the tests that plays the driver

  /** Throws a sentence where a call did not succeed. */
  void check(DriverResult result, const char* what) const;
};

/** Text that another may include by its name. */
struct KernelSource {
  const char* name;
  const char* text;
};

/** The driver. Errors: where there is none. */
const KernelDriver& kernelDriver();

/** What NVRTC makes of a source. */
struct CompiledKernels {
  std::string code;     // of the machine
  std::string remarks;  // warnings, and what was asked for by options
};

/**
 * Machine code for an architecture ("sm_90") of a source, which may include the headers. `libraries` are where NVRTC may lie, best
 * first; `options` go to it beside our own. Errors: none of them opens; the source does not compile (with NVRTC's first lines).
 */
CompiledKernels compileKernels(const std::vector<std::string>& libraries, const std::string& architecture, const KernelSource& source,
                               const std::vector<KernelSource>& headers, const std::vector<std::string>& options = {});

/** Makes a device's context the current one as long as it lives. */
class CurrentContext {
 public:
  CurrentContext(const KernelDriver& driver, void* context);
  ~CurrentContext();
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const KernelDriver& driver_;
};

/** Kernels of one source on one device. */
class KernelModule {
 public:
  /** Compiles and loads. Errors: sentences. */
  KernelModule(int place, const std::vector<std::string>& libraries, const KernelSource& source, const std::vector<KernelSource>& headers);

  void* context() const { return context_; }
  void* function(const char* name) const;

 private:
  void* context_ = nullptr;
  void* module_ = nullptr;
};

}  // namespace selfsight
