// Views on a GPU, compiled at run time for the card that is there (native/gpu-kernels.cc). N pictures, C channels, S side of a view,
// P = S S pixels, K taps at most. One thread makes one pixel; a block's threads belong to one picture, of which it takes a tile:
// fillWeights, cropAndJitter, finish; and where a picture of the call is blurred, blurWidth and blurHeight.
#include "views-arithmetic.h"

using namespace views;

constexpr int kThreads = 256;

/** Where a thread is: its picture of the call and its pixel of the view. */
struct Place {
  int picture, pixel;
};
PORTABLE int tilesOf(int pixels) { return (pixels + kThreads - 1) / kThreads; }
PORTABLE Place placeOf(int pixels) {
  const int tiles = tilesOf(pixels);
  return {int(blockIdx.x) / tiles, int(blockIdx.x) % tiles * kThreads + int(threadIdx.x)};
}

/** The sum over the threads of a block, in the same order always. */
__device__ float sumOfBlock(float own) {
  __shared__ float sums[kThreads];
  sums[threadIdx.x] = own;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  const float sum = sums[0];
  __syncthreads();
  return sum;
}

PORTABLE Pixel stepped(Pixel p, Step step, float meanGrey) {
  switch (step.kind) {
    case kBrightness: return blended(p, step.amount, 0.0f);
    case kContrast: return blended(p, step.amount, (1.0f - step.amount) * meanGrey);
    case kSaturation: return saturated(p, step.amount);
    default: return turned(p, step.amount);
  }
}

/** Pixel of the planes [C, P] of a picture; one channel stands for all three. */
PORTABLE Pixel readPixel(const float* planes, int pixel, int pixels, int channels) {
  if (channels == 1) return {planes[pixel], planes[pixel], planes[pixel]};
  return {planes[pixel], planes[pixels + pixel], planes[2 * pixels + pixel]};
}
PORTABLE void writePixel(float* planes, int pixel, int pixels, int channels, Pixel p) {
  planes[pixel] = p.red;
  if (channels == 1) return;
  planes[pixels + pixel] = p.green;
  planes[2 * pixels + pixel] = p.blue;
}

/** Solarised and normalised into the view [P, 3]. */
PORTABLE void writeView(float* view, int pixel, Pixel p, const Recipe& recipe, const Job& job) {
  const float threshold = job.isSolarized ? recipe.threshold : 2.0f;  // above every colour
  view[3 * pixel] = recipe.scale[0] * solarized(p.red, threshold) + recipe.shift[0];
  view[3 * pixel + 1] = recipe.scale[1] * solarized(p.green, threshold) + recipe.shift[1];
  view[3 * pixel + 2] = recipe.scale[2] * solarized(p.blue, threshold) + recipe.shift[2];
}

PORTABLE long long planeOffset(int picture, int pixels, int channels) { return (long long)picture * channels * pixels; }

/** The taps along width and height: first [N, 2, S], weights [N, 2, S, K]. One thread for each output pixel of an axis. */
extern "C" __global__ void fillWeights(Recipe recipe, const Job* jobs, int count, int mostTaps, int* first, float* weights) {
  const long long at = (long long)blockIdx.x * kThreads + threadIdx.x;
  if (at >= 2LL * count * recipe.size) return;
  const Job& job = jobs[at / (2 * recipe.size)];
  const Axis axis = at / recipe.size % 2 == 0 ? widthAxis(recipe, job) : heightAxis(recipe, job);
  first[at] = fillTaps(axis, int(at % recipe.size), weights + at * mostTaps, tapsOf(axis));
}

/** The taps of one output pixel along one axis. */
struct Taps {
  int first, count;
  const float* weights;
};

/** One channel's value: rows of the crop, each summed along the width, summed along the height. */
PORTABLE float resampled(const unsigned char* box, long long lineBytes, int step, Taps wide, Taps tall) {
  float value = 0;
  for (int row = 0; row < tall.count; ++row) {
    const unsigned char* line = box + (tall.first + row) * lineBytes + (long long)wide.first * step;
    float sum = 0;
    for (int tap = 0; tap < wide.count; ++tap) sum += wide.weights[tap] * (float(line[tap * step]) * (1.0f / 255.0f));
    value += tall.weights[row] * sum;
  }
  return inUnit(value);
}

PORTABLE Taps tapsAt(Axis axis, long long at, const int* first, const float* weights, int mostTaps) {
  return {first[at], smaller(tapsOf(axis), axis.length - first[at]), weights + at * mostTaps};
}

PORTABLE Pixel croppedPixel(const Recipe& recipe, const Job& job, const unsigned char* pictures, Taps wide, Taps tall) {
  const int step = pixelStride(recipe);
  const long long lineBytes = (long long)job.width * step;
  float values[3];
  for (int c = 0; c < 3; ++c) {
    const unsigned char* box = pictures + firstByte(job, recipe, smaller(c, recipe.channels - 1)) + job.top * lineBytes + (long long)job.left * step;
    values[c] = c < recipe.channels ? resampled(box, lineBytes, step, wide, tall) : values[0];
  }
  return {values[0], values[1], values[2]};
}

/** Crop, resize, flip, and the jitter as far as it needs no mean: planes [N, C, P], and the luma's sum over each tile [N, tiles]. */
extern "C" __global__ void cropAndJitter(Recipe recipe, const Job* jobs, const unsigned char* pictures, const int* first,
                                         const float* weights, int mostTaps, float* planes, float* lumaSums) {
  const int size = recipe.size, pixels = size * size;
  const Place place = placeOf(pixels);
  const Job& job = jobs[place.picture];
  const int contrast = contrastTurn(job);
  float luma = 0;
  if (place.pixel < pixels) {
    const int x = place.pixel % size, y = place.pixel / size;
    const long long axes = 2LL * place.picture * size;
    const Taps wide = tapsAt(widthAxis(recipe, job), axes + (job.isFlipped ? size - 1 - x : x), first, weights, mostTaps);
    const Taps tall = tapsAt(heightAxis(recipe, job), axes + size + y, first, weights, mostTaps);
    Pixel p = croppedPixel(recipe, job, pictures, wide, tall);
    for (int turn = 0; turn < contrast; ++turn) p = stepped(p, job.steps[turn], 0.0f);
    luma = lumaOf(p);
    writePixel(planes + planeOffset(place.picture, pixels, recipe.channels), place.pixel, pixels, recipe.channels, p);
  }
  if (contrast == job.stepCount) return;  // for all threads of the block
  const float sum = sumOfBlock(luma);
  if (threadIdx.x == 0) lumaSums[blockIdx.x] = sum;
}

__device__ float meanOf(const float* sums, int tiles, int pixels) {
  float own = 0;
  for (int tile = threadIdx.x; tile < tiles; tile += kThreads) own += sums[tile];
  return sumOfBlock(own) / pixels;
}

/** Contrast and what follows it. A picture that is not blurred becomes its view [N, P, 3]; the others stay planes. */
extern "C" __global__ void finish(Recipe recipe, const Job* jobs, const float* lumaSums, float* planes, float* views) {
  const int pixels = recipe.size * recipe.size, tiles = tilesOf(pixels);
  const Place place = placeOf(pixels);
  const Job& job = jobs[place.picture];
  const int contrast = contrastTurn(job);
  const float mean = contrast < job.stepCount ? meanOf(lumaSums + (long long)place.picture * tiles, tiles, pixels) : 0.0f;
  if (place.pixel >= pixels) return;
  float* own = planes + planeOffset(place.picture, pixels, recipe.channels);
  Pixel p = readPixel(own, place.pixel, pixels, recipe.channels);
  for (int turn = contrast; turn < job.stepCount; ++turn) p = stepped(p, job.steps[turn], mean);
  if (job.isGrayscale) p = greyed(p);
  if (job.blurSigma > 0)
    writePixel(own, place.pixel, pixels, recipe.channels, p);
  else
    writeView(views + 3LL * place.picture * pixels, place.pixel, p, recipe, job);
}

/** A Gaussian's sum along one axis of a plane: `from` is the pixel in the middle, `stride` the way to its neighbour. */
PORTABLE float blurredValue(const float* plane, int at, int size, int stride, const float* gaussian, int radius) {
  float sum = 0;
  for (int tap = -radius; tap <= radius; ++tap) sum += gaussian[tap + radius] * plane[mirroredPlace(at + tap, size) * stride];
  return sum;
}

/** Along the width, planes to `blurred`, both [N, C, P]. The Gaussians are [N, 2 radius + 1]. */
extern "C" __global__ void blurWidth(Recipe recipe, const Job* jobs, const float* gaussians, const float* planes, float* blurred) {
  const int size = recipe.size, pixels = size * size;
  const Place place = placeOf(pixels);
  if (place.pixel >= pixels || !(jobs[place.picture].blurSigma > 0)) return;
  const int x = place.pixel % size, line = place.pixel - x;
  const float* gaussian = gaussians + (long long)place.picture * (2 * recipe.blurRadius + 1);
  for (int c = 0; c < recipe.channels; ++c) {
    const long long plane = planeOffset(place.picture, pixels, recipe.channels) + (long long)c * pixels;
    blurred[plane + place.pixel] = blurredValue(planes + plane + line, x, size, 1, gaussian, recipe.blurRadius);
  }
}

/** Along the height, and into the views. */
extern "C" __global__ void blurHeight(Recipe recipe, const Job* jobs, const float* gaussians, const float* blurred, float* views) {
  const int size = recipe.size, pixels = size * size;
  const Place place = placeOf(pixels);
  const Job& job = jobs[place.picture];
  if (place.pixel >= pixels || !(job.blurSigma > 0)) return;
  const int x = place.pixel % size, y = place.pixel / size;
  const float* gaussian = gaussians + (long long)place.picture * (2 * recipe.blurRadius + 1);
  float values[3];
  for (int c = 0; c < 3; ++c) {
    const long long plane = planeOffset(place.picture, pixels, recipe.channels) + (long long)c * pixels;
    values[c] = c < recipe.channels ? blurredValue(blurred + plane + x, y, size, size, gaussian, recipe.blurRadius) : values[0];
  }
  writeView(views + 3LL * place.picture * pixels, place.pixel, {values[0], values[1], values[2]}, recipe, job);
}
