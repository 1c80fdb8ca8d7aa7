// Views on a GPU: the kernels of kernels/views.cu, compiled once for each device of a process.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "kernels/views-arithmetic.h"

namespace selfsight {

/** Compiles the kernels for a device, once. `libraries` are where NVRTC may lie. Errors: a sentence that says why there are none. */
void openViewsOnGpu(int place, const std::vector<std::string>& libraries);

/** Views [N, S, S, 3] on the device of the pictures' bytes, on libtorch's stream there. The kernels must be open. */
at::Tensor makeOnGpu(const views::Recipe& recipe, const std::vector<views::Job>& jobs, const at::Tensor& pictures);

}  // namespace selfsight
