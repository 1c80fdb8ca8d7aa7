// The addon's table of contents. Rooms: operators.cc (boxed calls), tensors.cc (data and lifetimes), files.cc (locks), gpu.cc (the driver's word), views.cc (augmented views), distributed.cc (several processes), modes.cc (the rest).
#include "session.h"

#include <ATen/Context.h>
#include <torch/version.h>

#include <limits>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace selfsight {

Session& sessionOf(const Napi::Env& env) { return *env.GetInstanceData<Session>(); }

namespace {

/**
 * Activations of a training step are large and live for milliseconds. By default glibc maps and unmaps each of them, and the
 * kernel then clears every page again; keeping them in the heap saves 10 to 18 % of a step. Runs once, before any allocation of ours.
 */
bool tuneAllocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);  // M_MMAP_THRESHOLD goes to 32 MiB at most, a batch's first activation is larger
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  return true;
}

/** Where NNPACK does not know the processor it says so at every small convolution; oneDNN does its work anyway. */
template <typename Context>
auto silenceNnpack(Context& context, int) -> decltype(context.setUserEnabledNNPACK(false)) {
  return context.setUserEnabledNNPACK(false);
}
template <typename Context>
void silenceNnpack(Context&, long) {}  // releases without that switch

/** At the end of a thread its tensors go before its JavaScript objects do, whose memory some of them borrow. */
void endSession(Session* session) {
  session->slots.clear();
  letGo(session->returned);
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  static const bool isTuned = tuneAllocator();
  (void)isTuned;
  silenceNnpack(at::globalContext(), 0);
  auto* session = new Session();
  env.SetInstanceData(session);
  env.AddCleanupHook(endSession, session);
  registerOperators(env, exports);
  registerTensors(env, exports);
  registerModes(env, exports);
  registerFiles(env, exports);
  registerGpu(env, exports);
  exports.Set("builtFor", TORCH_VERSION);
  registerStreams(env, exports);
  registerGraphs(env, exports);
  registerViews(env, exports);
  registerDistributed(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(selfsight, initialise)

}  // namespace selfsight
