// Views in one call: what JavaScript says of a recipe and of each picture is checked here and handed to the CPU's loops
// (views-loops.cc) or to a GPU's kernels.
#include "session.h"
#include "views-gpu.h"
#include "views-loops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

namespace views {

void fillGaussian(float sigma, int radius, float* weights) {
  const auto weightAt = [&](int place) { return std::exp(-0.5 * (place / double(sigma)) * (place / double(sigma))); };
  double sum = 0;
  for (int place = -radius; place <= radius; ++place) sum += weightAt(place);
  for (int place = -radius; place <= radius; ++place) weights[place + radius] = float(weightAt(place) / sum);
}

}  // namespace views

namespace selfsight {
namespace {

constexpr size_t kRecipeNumbers = 12;  // both as src/augment/fused-views.ts writes them
constexpr size_t kJobNumbers = 20;
constexpr double kMostBytes = 9007199254740991.0;
constexpr double kLongestSide = 1 << 24;

/** The numbers of a Float64Array, taken one after the other. */
struct Numbers {
  const double* next;

  int64_t whole(double least, double most) {
    const double number = *next++;
    if (!(number >= least && number <= most) || number != std::floor(number))
      throw std::invalid_argument("views: a number of the recipe or of a picture is out of its range");
    return int64_t(number);
  }
  bool flag() { return whole(0, 1) != 0; }
  float real() {
    const double number = *next++;
    if (!std::isfinite(number)) throw std::invalid_argument("views: an amount of the recipe or of a picture is not finite");
    return float(number);
  }
};

views::Recipe recipeFrom(const Handles& numbers) {
  if (numbers.count != kRecipeNumbers) throw std::invalid_argument("views: a recipe of 12 numbers is needed");
  Numbers read{numbers.values};
  views::Recipe recipe;
  recipe.size = int(read.whole(1, 1 << 14));
  recipe.channels = read.flag() ? 3 : 1;
  recipe.isInterleaved = read.flag();
  recipe.isBicubic = read.flag();
  recipe.blurRadius = int(read.whole(0, 1 << 14));
  recipe.threshold = read.real();
  for (float& scale : recipe.scale) scale = read.real();
  for (float& shift : recipe.shift) shift = read.real();
  return recipe;
}

views::Job jobFrom(Numbers read, int channels, int64_t bytes) {
  views::Job job{};
  job.offset = read.whole(0, kMostBytes);
  job.height = int(read.whole(1, kLongestSide));
  job.width = int(read.whole(1, kLongestSide));
  job.top = int(read.whole(0, job.height - 1));
  job.left = int(read.whole(0, job.width - 1));
  job.boxHeight = int(read.whole(1, job.height - job.top));
  job.boxWidth = int(read.whole(1, job.width - job.left));
  job.isFlipped = read.flag();
  job.isGrayscale = read.flag();
  job.isSolarized = read.flag();
  job.blurSigma = read.real();
  job.stepCount = int(read.whole(0, 4));
  for (int turn = 0; turn < job.stepCount; ++turn) {
    job.steps[turn].kind = int(read.whole(views::kBrightness, views::kHue));
    job.steps[turn].amount = read.real();
  }
  if (job.offset + int64_t(channels) * job.height * job.width > bytes)
    throw std::invalid_argument("views: a picture reaches beyond the bytes that were given");
  return job;
}

std::vector<views::Job> jobsFrom(const Handles& numbers, int channels, int64_t bytes) {
  if (numbers.count % kJobNumbers != 0) throw std::invalid_argument("views: 20 numbers are needed for each picture");
  std::vector<views::Job> jobs(numbers.count / kJobNumbers);
  for (size_t i = 0; i < jobs.size(); ++i) jobs[i] = jobFrom({numbers.values + i * kJobNumbers}, channels, bytes);
  return jobs;
}

/** The widest instructions of this processor. */
const views::Loops& loopsHere() {
#ifdef HAS_WIDE_LOOPS
  const auto hasWide = [] { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"); };
  if (hasWide()) return views::avx512Loops;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return views::avx2Loops;
#endif
  return views::baselineLoops;
}

/** A picture is the work of one thread, so that its view does not depend on how many there are. */
at::Tensor makeOnCpu(const views::Recipe& recipe, const std::vector<views::Job>& jobs, const at::Tensor& pictures) {
  static const views::Loops& loops = loopsHere();
  const at::Tensor views = at::empty({int64_t(jobs.size()), recipe.size, recipe.size, 3}, at::kFloat);
  const unsigned char* bytes = pictures.data_ptr<uint8_t>();
  float* out = views.data_ptr<float>();
  const int64_t viewFloats = int64_t(recipe.size) * recipe.size * 3;
  at::parallel_for(0, int64_t(jobs.size()), 1, [&](int64_t begin, int64_t end) {
    long long most = 0;
    for (int64_t i = begin; i < end; ++i) most = std::max(most, loops.scratchOf(recipe, jobs[i]));
    const at::Tensor scratch = at::empty({int64_t(most)}, at::kFloat);
    for (int64_t i = begin; i < end; ++i)
      loops.makeView(recipe, jobs[i], bytes, out + i * viewFloats, scratch.data_ptr<float>());
  });
  return views;
}

/** views(pictures, recipe, jobs, onGpu) → [N, 3, S, S], channels-last in memory. `pictures` are bytes in any shape. */
Napi::Value makeViews(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor pictures = tensorFrom(session, info[0]);
    const bool onGpu = info[3].ToBoolean();
    if (pictures.scalar_type() != at::kByte || !pictures.is_contiguous() || !(onGpu || pictures.is_cpu()))
      throw std::invalid_argument("views: contiguous bytes are needed, on the CPU or where its kernels are open");
    const views::Recipe recipe = recipeFrom(handlesFrom(info[1]));
    const auto jobs = jobsFrom(handlesFrom(info[2]), recipe.channels, pictures.numel());
    const at::Tensor views = onGpu ? makeOnGpu(recipe, jobs, pictures) : makeOnCpu(recipe, jobs, pictures);
    return Napi::Number::New(info.Env(), session.slots.put(views.permute({0, 3, 1, 2})));
  });
}

/** openGpuViews(place, libraries) compiles the kernels of views for a GPU. Errors: a sentence that says why there are none. */
Napi::Value openGpuViews(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    if (!info[0].IsNumber() || !info[1].IsArray()) throw std::invalid_argument("openGpuViews: a GPU's number and a list of paths are needed");
    const auto paths = info[1].As<Napi::Array>();
    std::vector<std::string> libraries;
    for (uint32_t i = 0; i < paths.Length(); ++i) libraries.push_back(paths.Get(i).ToString());
    openViewsOnGpu(info[0].ToNumber().Int32Value(), libraries);
    return info.Env().Undefined();
  });
}

}  // namespace

void registerViews(Napi::Env env, Napi::Object exports) {
  exports.Set("views", Napi::Function::New(env, makeViews));
  exports.Set("openGpuViews", Napi::Function::New(env, openGpuViews));
}

}  // namespace selfsight
