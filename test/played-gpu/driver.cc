// Plays NVIDIA's driver over the processor's memory: modules are the libraries that the played NVRTC made (nvrtc.cc).
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
int selfsightPlaysTheDriver = 1;

int cuInit(unsigned) { return getenv("PLAYED_DRIVER_FAILS") ? 999 : 0; }
int cuDeviceGet(int* device, int place) {
  *device = place;
  return place == 0 ? 0 : 101;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int) {
  *context = &selfsightPlaysTheDriver;
  return 0;
}
int cuCtxPushCurrent_v2(void* context) { return context == &selfsightPlaysTheDriver ? 0 : 201; }
int cuCtxPopCurrent_v2(void** context) {
  *context = &selfsightPlaysTheDriver;
  return 0;
}
int cuModuleLoadData(void** module, const void* image) {
  *module = dlopen(static_cast<const char*>(image), RTLD_NOW | RTLD_LOCAL);
  return *module ? 0 : 200;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = dlsym(module, (std::string("played_") + name).c_str());
  return *function ? 0 : 500;
}
int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned, void*, void** parameters, void**) {
  reinterpret_cast<void (*)(unsigned, unsigned, void**)>(function)(blocks, threads, parameters);
  return 0;
}
int cuGetErrorName(int result, const char** name) {
  *name = result == 999 ? "CUDA_ERROR_UNKNOWN" : "CUDA_ERROR";
  return 0;
}
}
