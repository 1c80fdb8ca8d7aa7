#!/usr/bin/env bash
# All that needs a GPU, in one run of a few minutes: bench/gpu/check.sh [--dry] [--out FOLDER] [--seconds N] [--only NAME,...] [--python PYTHON]
# --dry runs the same on the processor, small, and then says what to carry to a machine that has neither Node nor npm (pack.sh).
# There, Node, packages and pictures are taken out of carried/; libtorch is that of python3.
set -eu
cd "$(dirname "$0")/../.."

archive=$(find carried -name runtime.tar.xz 2>/dev/null | head -n 1 || true)
[ -d dist ] || [ -z "$archive" ] || tar xJf "$archive"
[ ! -x carried-node/node ] || PATH=$PWD/carried-node:$PATH

pictures=$(find carried -name 'data_batch_*.bin' -o -name test_batch.bin -o -name batches.meta.txt 2>/dev/null || true)
if [ -n "$pictures" ]; then
  mkdir -p carried/data/cifar-10-batches-bin
  for file in $pictures; do ln -sf "$PWD/$file" carried/data/cifar-10-batches-bin/; done
  export SELFSIGHT_DATA=$PWD/carried/data
fi

timeout 300 node bin/selfsight.mjs setup
node bench/gpu/check.mjs "$@"
case " $* " in *" --only "*) ;; *" --dry "*) bash bench/gpu/pack.sh ;; esac
