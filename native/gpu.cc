// What NVIDIA's driver says of this machine's GPUs, without libtorch and without CUDA's headers: asked where libtorch reaches none.
#include "session.h"

#include <dlfcn.h>

namespace selfsight {
namespace {

// The driver's own interface (CUDA Driver API), as far as it is asked; its symbols keep their meaning from release to release.
using Result = int;  // 0: success
using Device = int;
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;

struct Driver {
  Result (*init)(unsigned flags);
  Result (*version)(int* version);  // 13000: CUDA 13.0
  Result (*deviceCount)(int* count);
  Result (*device)(Device* device, int place);
  Result (*name)(char* name, int length, Device device);
  Result (*memory)(size_t* bytes, Device device);
  Result (*attribute)(int* value, int attribute, Device device);
};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool findAll(void* library, Driver& driver) {
  return find(library, "cuInit", driver.init) && find(library, "cuDriverGetVersion", driver.version) &&
         find(library, "cuDeviceGetCount", driver.deviceCount) && find(library, "cuDeviceGet", driver.device) &&
         find(library, "cuDeviceGetName", driver.name) && find(library, "cuDeviceTotalMem_v2", driver.memory) &&
         find(library, "cuDeviceGetAttribute", driver.attribute);
}

Napi::Object describe(const Napi::Env& env, const Driver& driver, int place) {
  Device device = 0;
  char name[256] = "";
  size_t bytes = 0;
  int major = 0, minor = 0;
  driver.device(&device, place);
  driver.name(name, sizeof name, device);
  driver.memory(&bytes, device);
  driver.attribute(&major, kCapabilityMajor, device);
  driver.attribute(&minor, kCapabilityMinor, device);
  auto facts = Napi::Object::New(env);
  facts.Set("name", name);
  facts.Set("memoryBytes", double(bytes));
  facts.Set("computeCapability", std::to_string(major) + "." + std::to_string(minor));
  return facts;
}

/** gpuDriver() → { status, cudaVersion, devices }, or null without a driver. status is that of cuInit; 0: all is well. */
Napi::Value gpuDriver(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const Napi::Env env = info.Env();
    static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    Driver driver{};
    if (!library || !findAll(library, driver)) return env.Null();
    int version = 0, count = 0;
    const Result status = driver.init(0);
    driver.version(&version);
    if (status == 0) driver.deviceCount(&count);
    auto devices = Napi::Array::New(env);
    for (int place = 0; place < count; place++) devices.Set(uint32_t(place), describe(env, driver, place));
    auto facts = Napi::Object::New(env);
    facts.Set("status", status);
    facts.Set("cudaVersion", std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10));
    facts.Set("devices", devices);
    return facts;
  });
}

}  // namespace

void registerGpu(Napi::Env env, Napi::Object exports) { exports.Set("gpuDriver", Napi::Function::New(env, gpuDriver)); }

}  // namespace selfsight
