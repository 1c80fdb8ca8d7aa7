// streams.cc: marks in a device's work, so that what it computes can be read without waiting for what was given to it later; and bytes
// that travel to a device while it computes.
// Written against c10's own interfaces, which every device's part of libtorch fills in: no header of CUDA is needed.
#include "session.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 13)
#include <c10/core/CachingDeviceAllocator.h>
#define HAS_MEMORY_INFO
#endif

#include <cstring>
#include <map>
#include <thread>
#include <utility>

namespace selfsight {
namespace {

/** Empty once it was waited for. */
using Mark = std::unique_ptr<c10::Event>;

template <typename Event>
auto waitFor(Event& event, int) -> decltype(event.synchronize()) {
  return event.synchronize();
}
template <typename Event>
void waitFor(Event& event, long) {  // releases whose events can only be asked
  while (!event.query()) std::this_thread::yield();
}

/** mark(device) → behind all work that the device was given so far; null for the CPU, whose work is done when a call returns. */
Napi::Value mark(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const c10::Device device(info[0].ToString().Utf8Value());
    if (device.is_cpu()) return info.Env().Null();
    const c10::impl::VirtualGuardImpl guard(device.type());
    auto event = std::make_unique<c10::Event>(device.type());
    event->record(guard.getStream(device.has_index() ? device : guard.getDevice()));
    return Napi::External<Mark>::New(info.Env(), new Mark(std::move(event)), [](Napi::Env, Mark* held) { delete held; });
  });
}

/** awaitMark(mark): the work before the mark is done when it returns; a second time at once. */
Napi::Value awaitMark(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    if (!info[0].IsExternal()) throw std::invalid_argument("a mark is needed");
    Mark& event = *info[0].As<Napi::External<Mark>>().Data();
    if (event) waitFor(*event, 0);
    event.reset();
    return info.Env().Undefined();
  });
}

// ---- bytes that travel while the device computes ----

/** Bytes on their way. */
struct Travelling {
  at::Tensor there;  // on the device; on the CPU the packed bytes themselves
  std::shared_ptr<c10::Event> done;
};

/** What a copy reads: it must stand until the copy is done, whoever has forgotten the bytes by then. */
struct Sent {
  at::Tensor host;
  std::shared_ptr<c10::Event> done;
};

constexpr size_t kMostSent = 2;

/** Of the process; the streams are of each device. */
struct SideStreams {
  std::mutex mutex;
  std::map<c10::Device, c10::Stream, bool (*)(c10::Device, c10::Device)> streams{[](c10::Device a, c10::Device b) { return a.index() < b.index(); }};
  std::deque<Sent> sent;

  c10::Stream of(const c10::impl::VirtualGuardImpl& guard, c10::Device device) {
    const auto found = streams.find(device);
    return found != streams.end() ? found->second : streams.emplace(device, guard.getStreamFromGlobalPool(device)).first->second;
  }

  /** Lets go of what was copied; where too much is on its way, it waits for the oldest. */
  void sweep() {
    while (!sent.empty() && (sent.size() >= kMostSent || sent.front().done->query())) {
      waitFor(*sent.front().done, 0);
      sent.pop_front();
    }
  }
};
SideStreams& sideStreams() {
  static auto* const open = new SideStreams();  // never destroyed: the driver may be gone before it
  return *open;
}

struct Stretch {
  const void* bytes;
  size_t length;
};

/** The arrays' bytes, one behind the other; pinned, so that a device fetches them by itself. */
at::Tensor packed(const Napi::Value& parts, bool isPinned) {
  if (!parts.IsArray()) throw std::invalid_argument("a list of arrays of bytes is needed");
  const auto list = parts.As<Napi::Array>();
  std::vector<Stretch> stretches;
  std::vector<size_t> starts;
  size_t total = 0;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value part = list.Get(i);
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void* bytes = nullptr;
    if (!part.IsTypedArray() || napi_get_typedarray_info(part.Env(), part, &type, &length, &bytes, nullptr, nullptr) != napi_ok || type != napi_uint8_array)
      throw std::invalid_argument("a list of arrays of bytes is needed");
    stretches.push_back({bytes, length});
    starts.push_back(total);
    total += length;
  }
  const at::Tensor host = at::empty({int64_t(total)}, at::TensorOptions().dtype(at::kByte).pinned_memory(isPinned));
  auto* to = static_cast<unsigned char*>(host.data_ptr());
  at::parallel_for(0, int64_t(stretches.size()), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      if (stretches[i].length > 0) std::memcpy(to + starts[i], stretches[i].bytes, stretches[i].length);
  });
  return host;
}

/** Starts the copy on a stream beside the one that computes. */
Travelling sendTo(c10::Device wanted, const Napi::Value& parts) {
  const c10::impl::VirtualGuardImpl guard(wanted.type());
  const c10::Device device = wanted.has_index() ? wanted : guard.getDevice();
  SideStreams& side = sideStreams();
  std::lock_guard<std::mutex> lock(side.mutex);
  side.sweep();
  const at::Tensor host = packed(parts, true);
  const c10::Stream stream = side.of(guard, device);
  auto done = std::make_shared<c10::Event>(device.type());
  const c10::StreamGuard aside(stream);
  const at::Tensor there = at::empty(host.sizes(), host.options().device(device).pinned_memory(false));
  there.copy_(host, /*non_blocking=*/true);
  done->record(stream);
  side.sent.push_back({host, done});
  return {there, done};
}

/** sendBytes(parts, device) → bytes on their way to the device, one array behind the other; for the CPU they are packed and there. */
Napi::Value sendBytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const c10::Device device(info[1].ToString().Utf8Value());
    const Travelling bytes = device.is_cpu() ? Travelling{packed(info[0], false), nullptr} : sendTo(device, info[0]);
    return Napi::External<Travelling>::New(info.Env(), new Travelling(bytes), [](Napi::Env, Travelling* held) { delete held; });
  });
}

/** receiveBytes(travelling) → handle: what the device is given from now on waits for the copy; the host does not. Once. */
Napi::Value receiveBytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    if (!info[0].IsExternal()) throw std::invalid_argument("bytes on their way are needed");
    const Travelling bytes = std::exchange(*info[0].As<Napi::External<Travelling>>().Data(), Travelling{});
    if (!bytes.there.defined()) throw std::invalid_argument("these bytes were received before");
    if (bytes.done) {
      const c10::impl::VirtualGuardImpl guard(bytes.there.device().type());
      const c10::Stream now = guard.getStream(bytes.there.device());
      bytes.done->block(now);
      guard.recordDataPtrOnStream(bytes.there.storage().data_ptr(), now);  // or the side stream's next copy could land in it
    }
    return Napi::Number::New(info.Env(), session.slots.put(bytes.there));
  });
}

/** freeMemory(device) → bytes that are free on it; null where nobody says. */
Napi::Value freeMemory(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const c10::Device device(info[0].ToString().Utf8Value());
#ifdef HAS_MEMORY_INFO
    if (!device.is_cpu()) {
      const c10::impl::VirtualGuardImpl guard(device.type());
      try {
        const auto index = device.has_index() ? device.index() : guard.getDevice().index();
        return Napi::Number::New(info.Env(), double(c10::getDeviceAllocator(device.type())->getMemoryInfo(index).first));
      } catch (const c10::Error&) {  // an allocator that does not know
      }
    }
#endif
    return info.Env().Null();
  });
}

}  // namespace

void registerStreams(Napi::Env env, Napi::Object exports) {
  exports.Set("mark", Napi::Function::New(env, mark));
  exports.Set("awaitMark", Napi::Function::New(env, awaitMark));
  exports.Set("sendBytes", Napi::Function::New(env, sendBytes));
  exports.Set("receiveBytes", Napi::Function::New(env, receiveBytes));
  exports.Set("freeMemory", Napi::Function::New(env, freeMemory));
}

}  // namespace selfsight
