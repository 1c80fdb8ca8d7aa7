// Steps that a device does again by one command, and the stream that they need.
#include "graphs.h"

#include "part.h"
#include "session.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace selfsight {
namespace {

struct Graph {
  const GraphPart* const part;
  void* held;  // null once released

  explicit Graph(const GraphPart* part) : part(part), held(part->begin()) {}
  Graph(const Graph&) = delete;
  ~Graph() {
    try {
      if (held) part->release(held);
    } catch (const std::exception&) {  // the driver may be gone before it
    }
  }
};

Graph& graphFrom(const Napi::Value& value) {
  if (!value.IsExternal()) throw std::invalid_argument("a graph is needed");
  Graph& graph = *value.As<Napi::External<Graph>>().Data();
  if (!graph.held) throw std::invalid_argument("a graph that was not released is needed");
  return graph;
}

/** beginGraph(path of the library) → graph: what this thread gives the device from now on is captured. */
Napi::Value beginGraph(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const GraphPart* const part = partFrom<GraphPart>(info[0].ToString(), kGiveGraphPart);
    if (!part) throw std::runtime_error("the library for CUDA graphs does not open, or is another one");
    auto graph = std::make_unique<Graph>(part);
    return Napi::External<Graph>::New(info.Env(), graph.release(), [](Napi::Env, Graph* held) { delete held; });
  });
}

/** endGraph(graph) */
Napi::Value endGraph(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    Graph& graph = graphFrom(info[0]);
    graph.part->end(graph.held);
    return info.Env().Undefined();
  });
}

/** replayGraph(graph): the device does what was captured, behind what it was given before. */
Napi::Value replayGraph(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    Graph& graph = graphFrom(info[0]);
    graph.part->replay(graph.held);
    return info.Env().Undefined();
  });
}

/** releaseGraph(graph) */
Napi::Value releaseGraph(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    Graph& graph = graphFrom(info[0]);
    graph.part->release(std::exchange(graph.held, nullptr));
    return info.Env().Undefined();
  });
}

/** From here on this thread's work for a device goes to `next`, which waits for what was given before. Returns where it went. */
c10::Stream moveTo(const c10::Stream& next) {
  const c10::impl::VirtualGuardImpl guard(next.device_type());
  c10::Event given(next.device_type());
  given.record(guard.getStream(next.device()));
  given.block(next);
  return guard.exchangeStream(next);
}

/** useOwnStream(device) → the stream before: a graph cannot be captured on the one that all threads share. */
Napi::Value useOwnStream(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    c10::Device device(info[0].ToString().Utf8Value());
    const c10::impl::VirtualGuardImpl guard(device.type());
    if (!device.has_index()) device = guard.getDevice();
    const c10::Stream before = moveTo(guard.getStreamFromGlobalPool(device));
    return Napi::External<c10::Stream>::New(info.Env(), new c10::Stream(before), [](Napi::Env, c10::Stream* held) { delete held; });
  });
}

/** useStream(stream): back to one that `useOwnStream` gave. */
Napi::Value useStream(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    if (!info[0].IsExternal()) throw std::invalid_argument("a stream is needed");
    moveTo(*info[0].As<Napi::External<c10::Stream>>().Data());
    return info.Env().Undefined();
  });
}

}  // namespace

void registerGraphs(Napi::Env env, Napi::Object exports) {
  exports.Set("beginGraph", Napi::Function::New(env, beginGraph));
  exports.Set("endGraph", Napi::Function::New(env, endGraph));
  exports.Set("replayGraph", Napi::Function::New(env, replayGraph));
  exports.Set("releaseGraph", Napi::Function::New(env, releaseGraph));
  exports.Set("useOwnStream", Napi::Function::New(env, useOwnStream));
  exports.Set("useStream", Napi::Function::New(env, useStream));
}

}  // namespace selfsight
