// N pictures, C channels, S side of a view, h and w sides of a crop, Y and X places in the view, K taps.
// Every inner loop runs over neighbours in memory, so that the compiler makes vectors of it: a crop is turned on its side before
// it is resized along its width, and back before it is resized along its height.
#include "views-loops.h"

namespace views {
namespace {

constexpr int kBlock = 16;  // columns that are turned on their side together: a cache line of floats
constexpr int kChunk = 4;   // taps that are added in one pass

int upTo(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

/** Working memory, handed out piece by piece from the front. */
struct Room {
  char* next;
  template <typename Element>
  Element* take(long long count) {
#ifdef __SANITIZE_ADDRESS__  // each piece by itself, so that the sanitizer sees where it ends
    return static_cast<Element*>(__builtin_malloc(count * sizeof(Element)));
#endif
    char* piece = next;
    next += (count * (long long)sizeof(Element) + 63) / 64 * 64;
    return reinterpret_cast<Element*>(piece);
  }
};

/** out[i] = sum over k of weights[k] rows[k][i]; K is a multiple of kChunk. */
void weightedSum(float* __restrict out, const float* const* rows, const float* weights, int taps, int count) {
  for (int tap = 0; tap < taps; tap += kChunk) {
    const float *a = rows[tap], *b = rows[tap + 1], *c = rows[tap + 2], *d = rows[tap + 3];
    const float wa = weights[tap], wb = weights[tap + 1], wc = weights[tap + 2], wd = weights[tap + 3];
    if (tap == 0)
      for (int i = 0; i < count; ++i) out[i] = (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
    else
      for (int i = 0; i < count; ++i) out[i] += (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
  }
}

/** The taps of a whole axis, and room for the rows that one output pixel adds up. */
struct Taps {
  int length, count;  // count: K, a multiple of kChunk
  int* first;         // [S]
  float* weights;     // [S, K]
  const float** rows; // [K]

  Taps(Axis axis, Room& room) : length(axis.length), count(upTo(tapsOf(axis), kChunk)) {
    first = room.take<int>(axis.size);
    weights = room.take<float>((long long)axis.size * count);
    rows = room.take<const float*>(count);
    for (int out = 0; out < axis.size; ++out) first[out] = fillTaps(axis, out, weights + (long long)out * count, count);
  }

  /** Output pixel `out` of lines that lie `stride` apart. */
  void add(float* result, int out, const float* lines, long long stride, int lanes) const {
    for (int tap = 0; tap < count; ++tap) rows[tap] = lines + smaller(first[out] + tap, length - 1) * stride;
    weightedSum(result, rows, weights + (long long)out * count, count, lanes);
  }
};

/** The crop on its side, in [0, 1]: [w, C, h]. */
void readColumns(const Recipe& recipe, const Job& job, const unsigned char* pictures, float* columns) {
  const int step = pixelStride(recipe), height = job.boxHeight;
  const long long lineBytes = (long long)job.width * step, columnFloats = (long long)recipe.channels * height;
  for (int c = 0; c < recipe.channels; ++c) {
    const unsigned char* box = pictures + firstByte(job, recipe, c) + job.top * lineBytes + (long long)job.left * step;
    for (int from = 0; from < height; from += kBlock) {
      const int rows = smaller(kBlock, height - from);
      for (int x = 0; x < job.boxWidth; ++x) {
        const unsigned char* pixel = box + from * lineBytes + (long long)x * step;
        float* column = columns + x * columnFloats + (long long)c * height + from;
        for (int y = 0; y < rows; ++y) column[y] = float(pixel[y * lineBytes]) * (1.0f / 255.0f);
      }
    }
  }
}

/** Columns [w, C, h] to rows [h, C, S], flipped where the job says so. `block` holds [kBlock, C h]. */
void resizeWidth(const Recipe& recipe, const Job& job, const Taps& taps, const float* columns, float* block, float* rows) {
  const int size = recipe.size, channels = recipe.channels, height = job.boxHeight, lanes = channels * height;
  for (int from = 0; from < size; from += kBlock) {
    const int places = smaller(kBlock, size - from);
    for (int i = 0; i < places; ++i)
      taps.add(block + (long long)i * lanes, job.isFlipped ? size - 1 - from - i : from + i, columns, lanes, lanes);
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y) {
        float* row = rows + ((long long)y * channels + c) * size + from;
        const float* lane = block + (long long)c * height + y;
        for (int i = 0; i < places; ++i) row[i] = lane[(long long)i * lanes];
      }
  }
}

/** Changes each pixel of a row [C, S]. */
template <typename Change>
void eachPixel(float* row, const Recipe& recipe, Change change) {
  const int size = recipe.size;
  if (recipe.channels == 1) {
    for (int x = 0; x < size; ++x) row[x] = change(Pixel{row[x], row[x], row[x]}).red;
    return;
  }
  float* __restrict red = row;
  float* __restrict green = row + size;
  float* __restrict blue = row + 2 * size;
  for (int x = 0; x < size; ++x) {
    const Pixel changed = change(Pixel{red[x], green[x], blue[x]});
    red[x] = changed.red;
    green[x] = changed.green;
    blue[x] = changed.blue;
  }
}

float lumaSum(const float* row, const Recipe& recipe) {
  const int green = recipe.channels == 1 ? 0 : recipe.size, blue = 2 * green;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int x = 0; x < recipe.size; ++x) sum += lumaOf({row[x], row[green + x], row[blue + x]});
  return sum;
}

/** Turns `from` to `to` of the jitter; `meanGrey` is that of the picture before its contrast is changed. */
void jitter(float* row, const Recipe& recipe, const Job& job, int from, int to, float meanGrey) {
  for (int turn = from; turn < to; ++turn) {
    const float amount = job.steps[turn].amount;
    switch (job.steps[turn].kind) {
      case kBrightness: eachPixel(row, recipe, [=](Pixel p) { return blended(p, amount, 0.0f); }); break;
      case kContrast: eachPixel(row, recipe, [=](Pixel p) { return blended(p, amount, (1.0f - amount) * meanGrey); }); break;
      case kSaturation: eachPixel(row, recipe, [=](Pixel p) { return saturated(p, amount); }); break;
      default: eachPixel(row, recipe, [=](Pixel p) { return turned(p, amount); });
    }
  }
}

/** Rows [h, C, S] to the view [S, C, S] in [0, 1], jittered as far as no mean is needed. Returns the mean grey there. */
float resizeHeight(const Recipe& recipe, const Job& job, const Taps& taps, const float* rows, float* view) {
  const int size = recipe.size, lanes = recipe.channels * size, turns = contrastTurn(job);
  double grey = 0;
  for (int y = 0; y < size; ++y) {
    float* row = view + (long long)y * lanes;
    taps.add(row, y, rows, lanes, lanes);
    for (int i = 0; i < lanes; ++i) row[i] = inUnit(row[i]);
    jitter(row, recipe, job, 0, turns, 0.0f);
    if (turns < job.stepCount) grey += lumaSum(row, recipe);
  }
  return float(grey / (double(size) * size));
}

/** One line with mirrored borders of `radius`. */
void mirrorLine(const float* line, int size, int radius, float* wide) {
  for (int i = 0; i < radius; ++i) wide[i] = line[mirroredPlace(i - radius, size)];
  for (int i = 0; i < size; ++i) wide[radius + i] = line[i];
  for (int i = 0; i < radius; ++i) wide[radius + size + i] = line[mirroredPlace(size + i, size)];
}

/** The Gaussian along the rows, in place, then along the columns into `blurred` [S, C, S]. */
void blur(const Recipe& recipe, const Job& job, Room room, float* view, float* blurred) {
  const int size = recipe.size, radius = recipe.blurRadius, lanes = recipe.channels * size;
  const int width = 2 * radius + 1, taps = upTo(width, kChunk);
  float* weights = room.take<float>(taps);
  const float** rows = room.take<const float*>(taps);
  float* wide = room.take<float>(size + 2 * radius);
  for (int tap = width; tap < taps; ++tap) weights[tap] = 0;
  fillGaussian(job.blurSigma, radius, weights);
  for (int tap = 0; tap < taps; ++tap) rows[tap] = wide + smaller(tap, width - 1);
  for (int line = 0; line < size * recipe.channels; ++line) {
    mirrorLine(view + (long long)line * size, size, radius, wide);
    weightedSum(view + (long long)line * size, rows, weights, taps, size);
  }
  for (int y = 0; y < size; ++y) {
    for (int tap = 0; tap < taps; ++tap)
      rows[tap] = view + (long long)mirroredPlace(y + smaller(tap, width - 1) - radius, size) * lanes;
    weightedSum(blurred + (long long)y * lanes, rows, weights, taps, lanes);
  }
}

/** Solarises and normalises a row [C, S] into [S, 3]. */
void finishRow(const float* row, const Recipe& recipe, const Job& job, float* __restrict out) {
  const int size = recipe.size, green = recipe.channels == 1 ? 0 : size, blue = 2 * green;
  const float threshold = job.isSolarized ? recipe.threshold : 2.0f;  // above every colour
  for (int x = 0; x < size; ++x) {
    out[3 * x] = recipe.scale[0] * solarized(row[x], threshold) + recipe.shift[0];
    out[3 * x + 1] = recipe.scale[1] * solarized(row[green + x], threshold) + recipe.shift[1];
    out[3 * x + 2] = recipe.scale[2] * solarized(row[blue + x], threshold) + recipe.shift[2];
  }
}

void makeView(const Recipe& recipe, const Job& job, const unsigned char* pictures, float* out, float* scratch) {
  const int size = recipe.size, channels = recipe.channels;
  const long long lanes = (long long)channels * size, crop = (long long)channels * job.boxHeight * job.boxWidth;
  Room room{reinterpret_cast<char*>(scratch)};
  const Taps wide(widthAxis(recipe, job), room), tall(heightAxis(recipe, job), room);
  float* view = room.take<float>(size * lanes);     // [S, C, S]
  float* rows = room.take<float>(job.boxHeight * lanes);  // [h, C, S]
  Room before = room;                               // what follows is free again behind the crop
  float* columns = room.take<float>(crop);          // [w, C, h]
  readColumns(recipe, job, pictures, columns);
  resizeWidth(recipe, job, wide, columns, room.take<float>((long long)kBlock * channels * job.boxHeight), rows);
  const float meanGrey = resizeHeight(recipe, job, tall, rows, view);
  const int contrast = contrastTurn(job);
  for (int y = 0; y < size; ++y) {
    jitter(view + y * lanes, recipe, job, contrast, job.stepCount, meanGrey);
    if (job.isGrayscale) eachPixel(view + y * lanes, recipe, greyed);
  }
  const float* finished = view;
  if (job.blurSigma > 0) {
    float* blurred = before.take<float>(size * lanes);
    blur(recipe, job, before, view, blurred);
    finished = blurred;
  }
  for (int y = 0; y < size; ++y) finishRow(finished + y * lanes, recipe, job, out + (long long)y * 3 * size);
}

/** The pieces that makeView takes, with a cache line for each. */
long long scratchOf(const Recipe& recipe, const Job& job) {
  const long long size = recipe.size, lanes = recipe.channels * size;
  const auto taps = [&](Axis axis) { return size + (size + 2) * upTo(tapsOf(axis), kChunk); };
  const long long cropped = (long long)recipe.channels * job.boxHeight * (job.boxWidth + kBlock);
  const long long blurred = size * lanes + 3LL * upTo(2 * recipe.blurRadius + 1, kChunk) + size + 2 * recipe.blurRadius;
  const long long pieces = 16 * 12;
  return taps(widthAxis(recipe, job)) + taps(heightAxis(recipe, job)) + (size + job.boxHeight) * lanes +
         larger(cropped, job.blurSigma > 0 ? blurred : 0LL) + pieces;
}

}  // namespace

const Loops LOOPS_NAME = {scratchOf, makeView};

}  // namespace views
