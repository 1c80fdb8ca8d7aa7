// N pictures of a call, n of one round, C channels, S side of a view, P = S S pixels, K taps at most
#include "views-gpu.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "gpu-kernels.h"
#include "kernel-sources.h"  // kernels/*, as text
#include "views-loops.h"

namespace selfsight {
namespace {

constexpr int kThreads = 256;                   // as kernels/views.cu
constexpr int64_t kMostFloats = int64_t(1) << 26;  // of a round's planes: 256 MiB

/** The kernels of views on one device. */
struct ViewKernels {
  KernelModule module;
  void *fillWeights, *cropAndJitter, *finish, *blurWidth, *blurHeight;

  ViewKernels(int place, const std::vector<std::string>& libraries)
      : module(place, libraries, {"views.cu", kViewsSource}, {{"views-arithmetic.h", kArithmeticSource}}) {
    const CurrentContext current(kernelDriver(), module.context());
    fillWeights = module.function("fillWeights");
    cropAndJitter = module.function("cropAndJitter");
    finish = module.function("finish");
    blurWidth = module.function("blurWidth");
    blurHeight = module.function("blurHeight");
  }
};

/** Of every device, for the process. */
struct OpenKernels {
  std::mutex mutex;
  std::map<int, std::unique_ptr<ViewKernels>> ofDevice;
};
OpenKernels& openKernels() {
  static auto* const open = new OpenKernels();  // never destroyed: the driver may be gone before it
  return *open;
}

int placeOf(const at::Tensor& pictures) { return pictures.is_cuda() ? pictures.get_device() : 0; }

const ViewKernels& kernelsFor(const at::Tensor& pictures) {
  OpenKernels& open = openKernels();
  std::lock_guard<std::mutex> lock(open.mutex);
  const auto found = open.ofDevice.find(placeOf(pictures));
  if (found == open.ofDevice.end() || !found->second) throw std::invalid_argument("views: the kernels of this device are not open");
  if (!pictures.is_cuda() && !kernelDriver().worksOnHostMemory) throw std::invalid_argument("views: bytes on a GPU are needed");
  return *found->second;
}

/** The stream that libtorch's own kernels on the device run on now; null is the default one. */
void* streamOf(const at::Tensor& tensor) {
  if (!tensor.is_cuda()) return nullptr;
  using CurrentStream = int (*)(int32_t device, void** stream);
  static const auto current = reinterpret_cast<CurrentStream>(dlsym(RTLD_DEFAULT, "aoti_torch_get_current_cuda_stream"));
  void* stream = nullptr;
  if (current && current(tensor.get_device(), &stream) == 0) return stream;
  const c10::impl::VirtualGuardImpl guard(tensor.device().type());
  if (guard.getStream(tensor.device()).id() == 0) return nullptr;
  throw std::runtime_error("views: this libtorch does not say which stream it works on");
}

/** A copy of values on the device, behind what its stream does now; the host does not wait for it. */
template <typename Value>
at::Tensor uploaded(const std::vector<Value>& values, const at::Tensor& like) {
  const auto bytes = int64_t(values.size() * sizeof(Value));
  const at::Tensor host = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(like.is_cuda()));
  if (bytes > 0) std::memcpy(host.data_ptr(), values.data(), size_t(bytes));
  return like.is_cuda() ? host.to(like.device(), /*non_blocking=*/true) : host;
}

/** Starts kernels one behind the other. */
struct Launcher {
  const KernelDriver& driver;
  void* stream;

  /** One thread for each of `threads`; the arguments must have the kernel's own types. */
  template <typename... Arguments>
  void operator()(void* kernel, int64_t threads, Arguments... arguments) const {
    void* parameters[] = {&arguments...};
    const auto blocks = unsigned((threads + kThreads - 1) / kThreads);
    driver.check(driver.launch(kernel, blocks, 1, 1, kThreads, 1, 1, 0, stream, parameters, nullptr), "cuLaunchKernel");
  }
};

int mostTapsOf(const views::Recipe& recipe, const std::vector<views::Job>& jobs) {
  int most = 1;
  for (const views::Job& job : jobs)
    most = std::max({most, views::tapsOf(views::widthAxis(recipe, job)), views::tapsOf(views::heightAxis(recipe, job))});
  return most;
}

/** The Gaussian of each picture, zeros where it is not blurred: [N, 2 radius + 1]; nothing where none is. */
std::vector<float> gaussiansOf(const views::Recipe& recipe, const std::vector<views::Job>& jobs) {
  const auto isBlurred = [](const views::Job& job) { return job.blurSigma > 0; };
  if (std::none_of(jobs.begin(), jobs.end(), isBlurred)) return {};
  const size_t width = size_t(2 * recipe.blurRadius + 1);
  std::vector<float> gaussians(jobs.size() * width);
  for (size_t i = 0; i < jobs.size(); ++i)
    if (isBlurred(jobs[i])) views::fillGaussian(jobs[i].blurSigma, recipe.blurRadius, &gaussians[i * width]);
  return gaussians;
}

/** One round: the views of jobs whose planes find room at once, into `views`. */
void makeRound(const ViewKernels& kernels, const Launcher& launch, const views::Recipe& recipe, const std::vector<views::Job>& jobs,
               const at::Tensor& pictures, float* views) {
  const int64_t count = int64_t(jobs.size()), pixels = int64_t(recipe.size) * recipe.size;
  const int64_t tiles = (pixels + kThreads - 1) / kThreads, threads = count * tiles * kThreads;
  const int mostTaps = mostTapsOf(recipe, jobs);
  const auto floats = pictures.options().dtype(at::kFloat);
  const at::Tensor ownJobs = uploaded(jobs, pictures);
  const at::Tensor first = at::empty({count, 2, recipe.size}, pictures.options().dtype(at::kInt));
  const at::Tensor weights = at::empty({count, 2, recipe.size, mostTaps}, floats);
  const at::Tensor planes = at::empty({count, recipe.channels, pixels}, floats), sums = at::empty({count, tiles}, floats);
  const auto* job = static_cast<const views::Job*>(ownJobs.data_ptr());
  const unsigned char* bytes = pictures.data_ptr<uint8_t>();
  int* firsts = first.data_ptr<int>();
  float *taps = weights.data_ptr<float>(), *plane = planes.data_ptr<float>(), *sum = sums.data_ptr<float>();
  launch(kernels.fillWeights, count * 2 * recipe.size, recipe, job, int(count), mostTaps, firsts, taps);
  launch(kernels.cropAndJitter, threads, recipe, job, bytes, (const int*)firsts, (const float*)taps, mostTaps, plane, sum);
  launch(kernels.finish, threads, recipe, job, (const float*)sum, plane, views);
  const std::vector<float> gaussians = gaussiansOf(recipe, jobs);
  if (gaussians.empty()) return;
  const at::Tensor ownGaussians = uploaded(gaussians, pictures), between = at::empty_like(planes);
  const auto* gaussian = static_cast<const float*>(ownGaussians.data_ptr());
  launch(kernels.blurWidth, threads, recipe, job, gaussian, (const float*)plane, between.data_ptr<float>());
  launch(kernels.blurHeight, threads, recipe, job, gaussian, (const float*)between.data_ptr<float>(), views);
}

}  // namespace

void openViewsOnGpu(int place, const std::vector<std::string>& libraries) {
  OpenKernels& open = openKernels();
  std::lock_guard<std::mutex> lock(open.mutex);
  auto& kernels = open.ofDevice[place];
  if (!kernels) kernels = std::make_unique<ViewKernels>(place, libraries);
}

at::Tensor makeOnGpu(const views::Recipe& recipe, const std::vector<views::Job>& jobs, const at::Tensor& pictures) {
  const ViewKernels& kernels = kernelsFor(pictures);
  const c10::OptionalDeviceGuard guard(pictures.is_cuda() ? c10::make_optional(pictures.device()) : c10::nullopt);
  const CurrentContext current(kernelDriver(), kernels.module.context());
  const Launcher launch{kernelDriver(), streamOf(pictures)};
  const int64_t viewFloats = int64_t(recipe.size) * recipe.size * 3;
  const at::Tensor views = at::empty({int64_t(jobs.size()), recipe.size, recipe.size, 3}, pictures.options().dtype(at::kFloat));
  const auto most = size_t(std::max<int64_t>(1, kMostFloats / viewFloats));
  for (size_t from = 0; from < jobs.size(); from += most) {
    const std::vector<views::Job> round(jobs.begin() + from, jobs.begin() + std::min(jobs.size(), from + most));
    makeRound(kernels, launch, recipe, round, pictures, views.data_ptr<float>() + int64_t(from) * viewFloats);
  }
  return views;
}

}  // namespace selfsight
