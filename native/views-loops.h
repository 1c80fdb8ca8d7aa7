// One view of one picture on the CPU. Compiled for several instruction sets (CMakeLists.txt); views.cc takes the widest that the
// processor has.
#pragma once

#include "kernels/views-arithmetic.h"

namespace views {

/** Floats of working memory that a job needs. */
using ScratchOf = long long (*)(const Recipe& recipe, const Job& job);
/** Makes a view [S, S, 3] of the picture that the job names. */
using MakeView = void (*)(const Recipe& recipe, const Job& job, const unsigned char* pictures, float* view, float* scratch);

/** The taps of a Gaussian, 2 radius + 1 of them that sum to 1. */
void fillGaussian(float sigma, int radius, float* weights);

struct Loops {
  ScratchOf scratchOf;
  MakeView makeView;
};

extern const Loops baselineLoops;
#ifdef HAS_WIDE_LOOPS
extern const Loops avx2Loops;
extern const Loops avx512Loops;
#endif

}  // namespace views
