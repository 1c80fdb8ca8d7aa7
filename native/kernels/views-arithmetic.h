// What is done to one pixel, and the weights along one axis: the arithmetic of views, once for every processor. The compiler of
// the addon reads it for the CPU (views-loops.cc), NVRTC at run time for a GPU (views.cu). So: no headers, no library, plain C++.
// S side of a view, L input pixels along one axis. Colours in [0, 1]. The tensor operations of src/augment are the reference.
#pragma once

#ifdef SELFSIGHT_GPU
#define PORTABLE __device__ inline
#else
#define PORTABLE static inline __attribute__((always_inline))
#endif

namespace views {

enum StepKind { kBrightness, kContrast, kSaturation, kHue };

/** Factors; hue in turns. */
struct Step {
  int kind;
  float amount;
};

/** What is done to one picture to make one view of it. */
struct Job {
  long long offset;  // of the picture's first byte
  int height, width;
  int top, left, boxHeight, boxWidth;
  int isFlipped, isGrayscale, isSolarized;
  float blurSigma;  // 0: not blurred
  int stepCount;
  Step steps[4];
};

/** What holds for every picture of a call. */
struct Recipe {
  int size;
  int channels;       // 1 or 3
  int isInterleaved;  // the channels of a pixel lie side by side; else each is a plane
  int isBicubic;
  int blurRadius;
  float threshold;                // of solarising
  float scale[3], shift[3];       // normalised = scale x + shift
};

struct Pixel {
  float red, green, blue;
};

template <typename Number>
PORTABLE Number smaller(Number a, Number b) { return a < b ? a : b; }
template <typename Number>
PORTABLE Number larger(Number a, Number b) { return a > b ? a : b; }
PORTABLE float inUnit(float x) { return smaller(larger(x, 0.0f), 1.0f); }

// ---- colours ----

/** ITU-R 601-2. */
PORTABLE float lumaOf(Pixel p) { return 0.299f * p.red + 0.587f * p.green + 0.114f * p.blue; }

/** factor x + rest, clamped: brightness, contrast and saturation are this with no rest, mean grey and own grey. */
PORTABLE Pixel blended(Pixel p, float factor, float rest) {
  return {inUnit(factor * p.red + rest), inUnit(factor * p.green + rest), inUnit(factor * p.blue + rest)};
}
PORTABLE Pixel saturated(Pixel p, float factor) { return blended(p, factor, (1.0f - factor) * lumaOf(p)); }
PORTABLE Pixel greyed(Pixel p) {
  const float grey = lumaOf(p);
  return {grey, grey, grey};
}

/** A channel out of its distance on the circle from where it is least: base + c6 clamp(|distance|, 1/6, 1/3). */
PORTABLE float channelAt(float turn, float base, float c6) {
  const float nearest = float(int(turn + (turn < 0.0f ? -0.5f : 0.5f)));
  const float apart = turn - nearest;
  return base + c6 * smaller(larger(apart < 0.0f ? -apart : apart, 1.0f / 6.0f), 1.0f / 3.0f);
}

/** The hue moved by `turns` at equal value and chroma; src/augment/operations.ts derives it. */
PORTABLE Pixel turned(Pixel p, float turns) {
  const float most = larger(larger(p.red, p.green), p.blue);
  const float chroma = most - smaller(smaller(p.red, p.green), p.blue);
  const float fromGreen = p.green == most ? p.blue - p.red + 2.0f * chroma : p.red - p.green + 4.0f * chroma;
  const float sixths = p.red == most ? p.green - p.blue : fromGreen;  // times chroma
  const float turn = sixths / larger(6.0f * chroma, 1e-12f) + turns;
  const float base = most - 2.0f * chroma, c6 = 6.0f * chroma;
  return {channelAt(turn + 1.0f / 2.0f, base, c6), channelAt(turn + 1.0f / 6.0f, base, c6),
          channelAt(turn - 1.0f / 6.0f, base, c6)};
}

PORTABLE float solarized(float x, float threshold) { return x >= threshold ? 1.0f - x : x; }

/** The turn in which contrast is changed, or how many turns there are: what stands before it needs no mean. */
PORTABLE int contrastTurn(const Job& job) {
  int turn = 0;
  while (turn < job.stepCount && job.steps[turn].kind != kContrast) ++turn;
  return turn;
}

// ---- weights along an axis ----

/** Keys' cubic with a = -0.5, support 2. */
PORTABLE double cubicAt(double distance) {
  const double x = distance < 0 ? -distance : distance;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
PORTABLE double triangleAt(double distance) { return larger(0.0, 1 - (distance < 0 ? -distance : distance)); }

/** An axis of `length` pixels brought to `size`. */
struct Axis {
  int length, size, isBicubic;
};

PORTABLE double stretchOf(Axis axis) { return larger(1.0, double(axis.length) / axis.size); }
PORTABLE double reachOf(Axis axis) { return (axis.isBicubic ? 2 : 1) * stretchOf(axis); }

/** No output pixel has more taps. Equal sizes need one: the filter is 1 at its middle and 0 at the other pixels. */
PORTABLE int tapsOf(Axis axis) {
  if (axis.length == axis.size) return 1;
  const double span = 2 * reachOf(axis);
  return smaller(axis.length, int(span) + (span > int(span)));
}

/** The taps of output pixel `out`: their first input pixel, and weights that sum to 1, zero behind the last. */
PORTABLE int fillTaps(Axis axis, int out, float* weights, int taps) {
  if (axis.length == axis.size) {
    for (int tap = 0; tap < taps; ++tap) weights[tap] = tap == 0 ? 1.0f : 0.0f;
    return out;
  }
  const double centre = (out + 0.5) * axis.length / axis.size, reach = reachOf(axis), shrinking = 1 / stretchOf(axis);
  const int first = larger(0, int(centre - reach + 0.5));
  const int count = smaller(taps, smaller(axis.length, int(centre + reach + 0.5)) - first);
  double sum = 0;
  for (int tap = 0; tap < count; ++tap) {
    const double distance = (first + tap + 0.5 - centre) * shrinking;
    const double weight = axis.isBicubic ? cubicAt(distance) : triangleAt(distance);
    weights[tap] = float(weight);
    sum += weight;
  }
  const double share = 1 / sum;
  for (int tap = 0; tap < taps; ++tap) weights[tap] = tap < count ? float(weights[tap] * share) : 0.0f;
  return first;
}

/** Reflection about the first and last pixel, as often as it takes. */
PORTABLE int mirroredPlace(int place, int size) {
  if (size == 1) return 0;
  const int period = 2 * (size - 1);
  const int within = (place % period + period) % period;
  return within < size ? within : period - within;
}

// ---- where things lie ----

PORTABLE Axis widthAxis(const Recipe& recipe, const Job& job) { return {job.boxWidth, recipe.size, recipe.isBicubic}; }
PORTABLE Axis heightAxis(const Recipe& recipe, const Job& job) { return {job.boxHeight, recipe.size, recipe.isBicubic}; }

/** Of channel `channel` of a picture: its first byte, and how far a pixel lies from the next. */
PORTABLE long long firstByte(const Job& job, const Recipe& recipe, int channel) {
  return job.offset + (recipe.isInterleaved ? channel : channel * (long long)job.height * job.width);
}
PORTABLE int pixelStride(const Recipe& recipe) { return recipe.isInterleaved ? recipe.channels : 1; }

}  // namespace views
