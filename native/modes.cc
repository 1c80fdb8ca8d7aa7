// Autograd, autocast, random state, threads, devices and further libraries: what is a mode of the engine, not an operator.
#include "session.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include <cstring>

namespace selfsight {
namespace {

/** The tensors of a list of handles; none where the list is left out. */
std::vector<at::Tensor> tensorsFrom(const Session& session, const Napi::Value& value) {
  std::vector<at::Tensor> tensors;
  if (value.IsUndefined()) return tensors;
  for (const double handle : handlesFrom(value)) tensors.push_back(session.slots.get(handle));
  return tensors;
}

/** backward(roots, gradients | undefined, retainGraph) */
Napi::Value backward(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    torch::autograd::backward(tensorsFrom(session, info[0]), tensorsFrom(session, info[1]), bool(info[2].ToBoolean()));
    return info.Env().Undefined();
  });
}

/** gradients(outputs, inputs, gradients | undefined, retainGraph) → handles, null where an input was not used. */
Napi::Value gradients(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const auto found = torch::autograd::grad(tensorsFrom(session, info[0]), tensorsFrom(session, info[1]),
                                             tensorsFrom(session, info[2]), bool(info[3].ToBoolean()), false, true);
    auto handles = Napi::Array::New(info.Env(), found.size());
    for (uint32_t i = 0; i < found.size(); ++i)
      if (found[i].defined()) handles.Set(i, session.slots.put(found[i])); else handles.Set(i, info.Env().Null());
    return handles;
  });
}

/** gradientOf(handle) → handle or null. */
Napi::Value gradientOf(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor& gradient = tensorFrom(session, info[0]).grad();
    if (!gradient.defined()) return info.Env().Null();
    return Napi::Number::New(info.Env(), session.slots.put(gradient));
  });
}

/** setGradient(handle, handle | null) */
Napi::Value setGradient(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::Tensor tensor = tensorFrom(session, info[0]);
    const at::Tensor gradient = info[1].IsNull() ? at::Tensor() : tensorFrom(session, info[1]);
    if (gradient.defined() && (gradient.sizes() != tensor.sizes() || gradient.device() != tensor.device()))
      throw std::invalid_argument("the gradient must have the tensor's shape and place");
    tensor.mutable_grad() = gradient;
    return info.Env().Undefined();
  });
}

/** setData(handle, handle): the first takes over the second's contents, device and type. */
Napi::Value setData(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    tensorFrom(session, info[0]).set_data(tensorFrom(session, info[1]));
    return info.Env().Undefined();
  });
}

/** requiresGrad(handle, wanted?) → whether it does, after setting it when asked to. */
Napi::Value requiresGrad(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::Tensor tensor = tensorFrom(session, info[0]);
    if (!info[1].IsUndefined()) tensor.requires_grad_(bool(info[1].ToBoolean()));
    return Napi::Boolean::New(info.Env(), tensor.requires_grad());
  });
}

/** gradMode(wanted) → what it was. Holds for this thread. */
Napi::Value gradMode(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const bool before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(bool(info[0].ToBoolean()));
    return Napi::Boolean::New(info.Env(), before);
  });
}

#if TORCH_VERSION_MAJOR >= 2
bool autocastIs(at::DeviceType device) { return at::autocast::is_autocast_enabled(device); }
at::ScalarType autocastType(at::DeviceType device) { return at::autocast::get_autocast_dtype(device); }
void setAutocast(at::DeviceType device, bool wanted, at::ScalarType type) {
  at::autocast::set_autocast_enabled(device, wanted);
  at::autocast::set_autocast_dtype(device, type);
}
#else
bool autocastIs(at::DeviceType device) { return device == at::kCUDA ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled(); }
at::ScalarType autocastType(at::DeviceType device) {
  return device == at::kCUDA ? at::autocast::get_autocast_gpu_dtype() : at::autocast::get_autocast_cpu_dtype();
}
void setAutocast(at::DeviceType device, bool wanted, at::ScalarType type) {
  if (device == at::kCUDA) {
    at::autocast::set_enabled(wanted);
    at::autocast::set_autocast_gpu_dtype(type);
  } else {
    at::autocast::set_cpu_enabled(wanted);
    at::autocast::set_autocast_cpu_dtype(type);
  }
}
#endif

/** autocast(device, wanted, type) → { wanted, dtype } as they were. Leaving the outermost use forgets the cast weights. */
Napi::Value autocast(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const auto device = c10::Device(info[0].ToString().Utf8Value()).type();
    auto before = Napi::Object::New(info.Env());
    before.Set("enabled", autocastIs(device));
    before.Set("dtype", nameOf(autocastType(device)));
    setAutocast(device, bool(info[1].ToBoolean()), scalarTypeFrom(info[2].ToString()));
    if (!info[1].ToBoolean()) at::autocast::clear_cache();
    return before;
  });
}

at::Generator generatorOf(const Napi::Value& device) {
  return at::globalContext().defaultGenerator(c10::Device(device.ToString().Utf8Value()));
}

Napi::Value manualSeed(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const double seed = info[0].IsNumber() ? double(info[0].As<Napi::Number>()) : -1;
    if (!(seed >= 0 && seed <= 9007199254740991.0) || seed != std::floor(seed)) throw std::invalid_argument("a whole number from 0 to 2^53 - 1 is needed");
    at::manual_seed(uint64_t(seed));
    return info.Env().Undefined();
  });
}

/** randomState(device) → handle of its bytes. */
Napi::Value randomState(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::Generator generator = generatorOf(info[0]);
    std::lock_guard<std::mutex> lock(generator.mutex());
    return Napi::Number::New(info.Env(), session.slots.put(generator.get_state()));
  });
}

/** setRandomState(device, handle) */
Napi::Value setRandomState(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::Generator generator = generatorOf(info[0]);
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(tensorFrom(session, info[1]));
    return info.Env().Undefined();
  });
}

/** threads(wanted?) → the threads that one operator uses. */
Napi::Value threads(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    if (!info[0].IsUndefined()) {
      const double wanted = info[0].IsNumber() ? double(info[0].As<Napi::Number>()) : 0;
      if (!(wanted >= 1 && wanted <= 4096) || wanted != std::floor(wanted)) throw std::invalid_argument("a whole number from 1 to 4096 is needed");
      at::set_num_threads(int(wanted));
    }
    return Napi::Number::New(info.Env(), at::get_num_threads());
  });
}

/** loadLibrary(path): its operators register themselves with the dispatcher. */
Napi::Value loadLibrary(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const std::string path = info[0].ToString();
    if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) throw std::runtime_error(dlerror());
    return info.Env().Undefined();
  });
}

/** engine() → { builtFor, cudaDevices, config }: the version that the addon was compiled against, the GPUs in reach, how it was built. */
Napi::Value engine(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    auto facts = Napi::Object::New(info.Env());
    facts.Set("builtFor", TORCH_VERSION);
    facts.Set("cudaDevices", double(torch::cuda::is_available() ? torch::cuda::device_count() : 0));
    facts.Set("config", at::show_config());
    return facts;
  });
}

/** Addresses held back until memory runs out: where they are counted (ulimit -v), oneDNN finds no place for the code of another size. */
class Reserve {
 public:
  Reserve() : held_(mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0)) {}
  void giveBack() {
    if (held_ != MAP_FAILED) munmap(held_, kBytes);
    held_ = MAP_FAILED;
  }

 private:
  static constexpr size_t kBytes = 64 << 20;
  void* held_;
};
Reserve reserve;

/**
 * giveBackMemory(): what the heap has kept of freed memory, and the reserve. From here on large tensors are mapped and unmapped one by one,
 * which is slower (addon.cc) and leaves nothing between them. A GPU's allocator does as much by itself before it fails.
 */
Napi::Value giveBackMemory(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    reserve.giveBack();
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 1 << 16);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TOP_PAD, 0);
    malloc_trim(0);
#endif
    return info.Env().Undefined();
  });
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    if (torch::cuda::is_available()) torch::cuda::synchronize();
    return info.Env().Undefined();
  });
}

}  // namespace

void registerModes(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("gradients", Napi::Function::New(env, gradients));
  exports.Set("gradientOf", Napi::Function::New(env, gradientOf));
  exports.Set("setGradient", Napi::Function::New(env, setGradient));
  exports.Set("setData", Napi::Function::New(env, setData));
  exports.Set("requiresGrad", Napi::Function::New(env, requiresGrad));
  exports.Set("gradMode", Napi::Function::New(env, gradMode));
  exports.Set("autocast", Napi::Function::New(env, autocast));
  exports.Set("manualSeed", Napi::Function::New(env, manualSeed));
  exports.Set("randomState", Napi::Function::New(env, randomState));
  exports.Set("setRandomState", Napi::Function::New(env, setRandomState));
  exports.Set("threads", Napi::Function::New(env, threads));
  exports.Set("loadLibrary", Napi::Function::New(env, loadLibrary));
  exports.Set("engine", Napi::Function::New(env, engine));
  exports.Set("synchronize", Napi::Function::New(env, synchronize));
  exports.Set("giveBackMemory", Napi::Function::New(env, giveBackMemory));
}

}  // namespace selfsight
