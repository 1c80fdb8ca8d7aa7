// Plays a device's memory, streams and events over the processor, for libtorch: nothing that a stream was given is done before somebody
// waits for it, and memory that goes is overwritten at once, so whatever is let go too early, or read too early, shows in the bytes.
#include <ATen/ATen.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace {

constexpr auto kPlayed = c10::DeviceType::PrivateUse1;
constexpr unsigned char kGone = 0xdd;
constexpr c10::StreamId kStreams = 5;

struct Mark {
  c10::StreamId stream = 0;
  bool isDone = false;
};

struct Task {
  std::function<void()> work;
  Mark* awaited = nullptr;  // done before it
};

struct Played {
  std::deque<Task> tasks[kStreams];
  c10::StreamId current = 0, lastOfPool = 0;
  std::map<void*, size_t> there, pinned;              // what is held, with its bytes
  std::map<void*, std::set<c10::StreamId>> usedBy;    // streams beside the one that it was made on
  std::map<void*, c10::StreamId> madeOn;
  std::multimap<size_t, std::pair<void*, c10::StreamId>> kept;  // for the next of the same size on that stream
  int64_t mostPinned = 0, refusals = 0;
  size_t free = 1 << 20;

  void drain(c10::StreamId stream) {
    while (!tasks[stream].empty()) {
      const Task task = tasks[stream].front();
      if (task.awaited && !task.awaited->isDone) drain(task.awaited->stream);
      tasks[stream].pop_front();
      task.work();
    }
  }
  void give(c10::StreamId stream, std::function<void()> work, Mark* awaited = nullptr) { tasks[stream].push_back({std::move(work), awaited}); }
};
Played& played() {
  static auto* const one = new Played();
  return *one;
}

// ---- memory ----

void letGo(void* bytes) {
  Played& p = played();
  const size_t size = p.there[bytes];
  const c10::StreamId stream = p.madeOn[bytes];
  const std::set<c10::StreamId> users = p.usedBy[bytes];
  p.there.erase(bytes);
  p.usedBy.erase(bytes);
  for (const c10::StreamId user : users)
    if (user != stream) p.drain(user);  // as if it were given again only then
  p.kept.emplace(size, std::make_pair(bytes, stream));
}

struct DeviceMemory final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t size) override {
    Played& p = played();
    if (p.refusals > 0 && p.refusals--) throw std::runtime_error("CUDA out of memory. Tried to allocate 2.00 MiB.");
    void* bytes = nullptr;
    const auto [from, to] = p.kept.equal_range(size);
    for (auto each = from; each != to && !bytes; ++each)
      if (each->second.second == p.current) {
        bytes = each->second.first;
        p.kept.erase(each);
        break;
      }
    if (!bytes) std::memset(bytes = std::malloc(size + 1), kGone, size);
    p.there[bytes] = size;
    p.madeOn[bytes] = p.current;
    return {bytes, bytes, &letGo, c10::Device(kPlayed, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &letGo; }
  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr& bytes, c10::Stream stream) override { played().usedBy[bytes.get()].insert(stream.id()); }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override { return {}; }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex) override { return {played().free, 1 << 21}; }
} deviceMemory;
const auto isSet = (c10::SetAllocator(kPlayed, &deviceMemory), true);

void letGoPinned(void* bytes) {
  std::memset(bytes, kGone, played().pinned[bytes]);
  played().pinned.erase(bytes);
  std::free(bytes);
}

struct PinnedMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    Played& p = played();
    void* bytes = std::malloc(size + 1);
    p.pinned[bytes] = size;
    p.mostPinned = std::max(p.mostPinned, int64_t(p.pinned.size()));
    return {bytes, bytes, &letGoPinned, c10::Device(c10::DeviceType::CPU)};
  }
  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }
} pinnedMemory;

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  bool isPinnedPtr(const void* bytes) const override { return played().pinned.count(const_cast<void*>(bytes)) > 0; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinnedMemory; }
};
const auto hasHooks = (at::RegisterPrivateUse1HooksInterface(new Hooks()), c10::register_privateuse1_backend("played"), true);

// ---- streams and events ----

c10::Stream streamOf(c10::StreamId id) { return c10::Stream(c10::Stream::UNSAFE, c10::Device(kPlayed, 0), id); }

struct Guard final : c10::impl::DeviceGuardImplInterface {
  Guard() = default;
  explicit Guard(c10::DeviceType) {}
  c10::DeviceType type() const override { return kPlayed; }
  c10::Device exchangeDevice(c10::Device) const override { return {kPlayed, 0}; }
  c10::Device getDevice() const override { return {kPlayed, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return streamOf(played().current); }
  c10::Stream getDefaultStream(c10::Device) const override { return streamOf(0); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return streamOf(++played().lastOfPool % kStreams); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return streamOf(std::exchange(played().current, stream.id())); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
    auto* mark = new Mark{stream.id()};
    *event = mark;
    played().give(stream.id(), [mark] { mark->isDone = true; });
  }
  void block(void* event, const c10::Stream& stream) const override { played().give(stream.id(), [] {}, static_cast<Mark*>(event)); }
  bool queryEvent(void* event) const override { return !event || static_cast<Mark*>(event)->isDone; }
  void synchronizeEvent(void* event) const override {
    if (event) played().drain(static_cast<Mark*>(event)->stream);
  }
  void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}  // tasks may still name it
  void recordDataPtrOnStream(const c10::DataPtr& bytes, const c10::Stream& stream) const override { deviceMemory.recordStream(bytes, stream); }
  void synchronizeDevice(c10::DeviceIndex) const override {
    for (c10::StreamId stream = 0; stream < kStreams; ++stream) played().drain(stream);
  }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

// ---- the few operators that bytes need ----

at::Tensor empty(c10::IntArrayRef sizes, c10::optional<at::ScalarType> type, c10::optional<at::Layout>, c10::optional<at::Device>, c10::optional<bool>,
                 c10::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &deviceMemory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), type.value_or(at::kFloat), format);
}
at::Tensor emptyStrided(c10::IntArrayRef sizes, c10::IntArrayRef strides, c10::optional<at::ScalarType> type, c10::optional<at::Layout>,
                        c10::optional<at::Device>, c10::optional<bool>) {
  return at::detail::empty_strided_generic(sizes, strides, &deviceMemory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), type.value_or(at::kFloat));
}

/** Behind what the stream was given; the host waits where it is to have the bytes, or gives some that it may write to at once. */
at::Tensor copyFrom(const at::Tensor& from, const at::Tensor& to, bool nonBlocking) {
  TORCH_CHECK(from.is_contiguous() && to.is_contiguous() && from.nbytes() == to.nbytes(), "the played device copies bytes in a row");
  void* target = to.data_ptr();
  const void* source = from.data_ptr();
  const size_t count = from.nbytes();
  const c10::StreamId stream = played().current;
  played().give(stream, [=] { std::memcpy(target, source, count); });
  const bool isFree = nonBlocking && (from.is_privateuseone() ? to.is_privateuseone() : from.is_pinned());
  if (!isFree && !(from.is_privateuseone() && to.is_privateuseone())) played().drain(stream);
  return to;
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", emptyStrided);
  m.impl("_copy_from", copyFrom);
  m.impl("view", [](const at::Tensor& self, c10::SymIntArrayRef sizes) { return at::native::view(self, C10_AS_INTARRAYREF_SLOW(sizes)); });
  m.impl("as_strided", [](const at::Tensor& self, c10::SymIntArrayRef sizes, c10::SymIntArrayRef strides, c10::optional<c10::SymInt> offset) {
    return at::native::as_strided_tensorimpl(self, C10_AS_INTARRAYREF_SLOW(sizes), C10_AS_INTARRAYREF_SLOW(strides),
                                             offset ? c10::make_optional(offset->guard_int(__FILE__, __LINE__)) : c10::nullopt);
  });
}

/** Figures for the tests, and what they change. */
int64_t answerTo(const std::string& what, int64_t number) {
  Played& p = played();
  if (what == "most pinned") return std::exchange(p.mostPinned, int64_t(p.pinned.size()));
  if (what == "pinned") return int64_t(p.pinned.size());
  if (what == "there") return int64_t(p.there.size());
  if (what == "stream") return p.current;
  if (what == "tasks") return int64_t(p.tasks[number].size());
  if (what == "refuse") return p.refusals = number;
  if (what == "free") return int64_t(p.free = size_t(number));
  TORCH_CHECK(false, "nothing is known of ", what);
}

TORCH_LIBRARY(played, m) {
  m.def("ask(str what, int number) -> Tensor", [](const std::string& what, int64_t number) { return at::scalar_tensor(answerTo(what, number), at::kLong); });
}

}  // namespace
