#include "gpu-kernels.h"

#include <dirent.h>
#include <dlfcn.h>

#include <stdexcept>

namespace selfsight {
namespace {

constexpr int kCapabilityMajor = 75;  // CUdevice_attribute
constexpr int kCapabilityMinor = 76;

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function) throw std::runtime_error(std::string("the library has no ") + name);
}

KernelDriver openDriver() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error("the GPU driver's library libcuda.so.1 is not found");
  KernelDriver driver{};
  find(library, "cuInit", driver.init);
  find(library, "cuDeviceGet", driver.device);
  find(library, "cuDeviceGetAttribute", driver.attribute);
  find(library, "cuDevicePrimaryCtxRetain", driver.retainContext);
  find(library, "cuCtxPushCurrent_v2", driver.pushContext);
  find(library, "cuCtxPopCurrent_v2", driver.popContext);
  find(library, "cuModuleLoadData", driver.loadModule);
  find(library, "cuModuleGetFunction", driver.function);
  find(library, "cuLaunchKernel", driver.launch);
  find(library, "cuGetErrorName", driver.errorName);
  driver.worksOnHostMemory = dlsym(library, "selfsightPlaysTheDriver") != nullptr;
  driver.check(driver.init(0), "cuInit");
  return driver;
}

/** What is called of NVRTC. */
struct Nvrtc {
  DriverResult (*create)(void** program, const char* source, const char* name, int headerCount, const char* const* headers, const char* const* names);
  DriverResult (*compile)(void* program, int optionCount, const char* const* options);
  DriverResult (*logSize)(void* program, size_t* size);
  DriverResult (*log)(void* program, char* text);
  DriverResult (*codeSize)(void* program, size_t* size);
  DriverResult (*code)(void* program, char* bytes);
  DriverResult (*destroy)(void** program);
};

/**
 * NVRTC opens a second library by its bare name, which the loader finds if it is open already; it may lie in no folder that the loader
 * searches, as in a wheel.
 */
void openBuiltins(const std::string& folder) {
  DIR* const listing = opendir(folder.c_str());
  if (!listing) return;
  while (const dirent* entry = readdir(listing))
    if (std::string(entry->d_name).rfind("libnvrtc-builtins.so", 0) == 0) dlopen((folder + "/" + entry->d_name).c_str(), RTLD_NOW | RTLD_LOCAL);
  closedir(listing);
}

void* openLibrary(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos) openBuiltins(path.substr(0, slash));
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
}

/** NVRTC stays open: its threads and tables outlive a call. */
Nvrtc openNvrtc(const std::vector<std::string>& libraries) {
  void* library = nullptr;
  for (const std::string& path : libraries)
    if ((library = openLibrary(path))) break;
  if (!library) throw std::runtime_error("NVRTC, which compiles them, is not found (libnvrtc.so beside libtorch or among the system's libraries)");
  Nvrtc nvrtc{};
  find(library, "nvrtcCreateProgram", nvrtc.create);
  find(library, "nvrtcCompileProgram", nvrtc.compile);
  find(library, "nvrtcGetProgramLogSize", nvrtc.logSize);
  find(library, "nvrtcGetProgramLog", nvrtc.log);
  find(library, "nvrtcGetCUBINSize", nvrtc.codeSize);
  find(library, "nvrtcGetCUBIN", nvrtc.code);
  find(library, "nvrtcDestroyProgram", nvrtc.destroy);
  return nvrtc;
}

/** A program of NVRTC's, given back at the end. */
struct Program {
  const Nvrtc& nvrtc;
  void* handle = nullptr;
  ~Program() { nvrtc.destroy(&handle); }

  std::string log() const {
    size_t size = 0;
    if (nvrtc.logSize(handle, &size) != 0 || size <= 1) return "";
    std::string text(size, '\0');
    nvrtc.log(handle, &text[0]);
    return text.c_str();  // NVRTC counts more than one zero at its end
  }

  std::string objection() const {
    const std::string text = log();
    return text.empty() ? "no word of it" : text.substr(0, 400);
  }

  std::string code() const {
    size_t size = 0;
    if (nvrtc.codeSize(handle, &size) != 0 || size == 0) throw std::runtime_error("NVRTC made no machine code for this GPU");
    std::string bytes(size, '\0');
    if (nvrtc.code(handle, &bytes[0]) != 0) throw std::runtime_error("NVRTC does not hand out its machine code");
    return bytes;
  }
};

std::string architectureOf(const KernelDriver& driver, int device) {
  int major = 0, minor = 0;
  driver.check(driver.attribute(&major, kCapabilityMajor, device), "cuDeviceGetAttribute");
  driver.check(driver.attribute(&minor, kCapabilityMinor, device), "cuDeviceGetAttribute");
  return "sm_" + std::to_string(major) + std::to_string(minor);
}

}  // namespace

void KernelDriver::check(DriverResult result, const char* what) const {
  if (result == 0) return;
  const char* name = nullptr;
  if (errorName(result, &name) != 0 || !name) name = "an unknown error";
  throw std::runtime_error(std::string("the GPU's driver answers ") + name + " to " + what);
}

const KernelDriver& kernelDriver() {
  static const KernelDriver driver = openDriver();
  return driver;
}

CompiledKernels compileKernels(const std::vector<std::string>& libraries, const std::string& architecture, const KernelSource& source,
                               const std::vector<KernelSource>& headers, const std::vector<std::string>& options) {
  const Nvrtc nvrtc = openNvrtc(libraries);
  std::vector<const char*> texts, names;
  for (const KernelSource& header : headers) {
    texts.push_back(header.text);
    names.push_back(header.name);
  }
  Program program{nvrtc};
  if (nvrtc.create(&program.handle, source.text, source.name, int(headers.size()), texts.data(), names.data()) != 0)
    throw std::runtime_error("NVRTC takes no source");
  const std::string target = "--gpu-architecture=" + architecture;
  std::vector<const char*> all{target.c_str(), "--std=c++17", "-DSELFSIGHT_GPU"};
  for (const std::string& option : options) all.push_back(option.c_str());
  if (nvrtc.compile(program.handle, int(all.size()), all.data()) != 0)
    throw std::runtime_error("NVRTC does not compile them for " + architecture + ": " + program.objection());
  return {program.code(), program.log()};
}

CurrentContext::CurrentContext(const KernelDriver& driver, void* context) : driver_(driver) {
  driver.check(driver.pushContext(context), "cuCtxPushCurrent");
}
CurrentContext::~CurrentContext() {
  void* context = nullptr;
  driver_.popContext(&context);
}

KernelModule::KernelModule(int place, const std::vector<std::string>& libraries, const KernelSource& source,
                           const std::vector<KernelSource>& headers) {
  const KernelDriver& driver = kernelDriver();
  int device = 0;
  driver.check(driver.device(&device, place), "cuDeviceGet");
  const std::string code = compileKernels(libraries, architectureOf(driver, device), source, headers).code;
  driver.check(driver.retainContext(&context_, device), "cuDevicePrimaryCtxRetain");  // libtorch's own
  const CurrentContext current(driver, context_);
  driver.check(driver.loadModule(&module_, code.data()), "cuModuleLoadData");
}

void* KernelModule::function(const char* name) const {
  void* found = nullptr;
  kernelDriver().check(kernelDriver().function(&found, module_, name), name);
  return found;
}

}  // namespace selfsight
