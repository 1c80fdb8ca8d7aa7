// streams.cc: marks in a device's work, so that what it computes can be read without waiting for what was given to it later.
// Written against c10's own interfaces, which every device's part of libtorch fills in: no header of CUDA is needed.
#include "session.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <thread>

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

}  // namespace

void registerStreams(Napi::Env env, Napi::Object exports) {
  exports.Set("mark", Napi::Function::New(env, mark));
  exports.Set("awaitMark", Napi::Function::New(env, awaitMark));
}

}  // namespace selfsight
