#!/usr/bin/env bash
# Lays what check.sh needs on another machine into carried/, in parts of at most 64 MiB: Node, the built project and its packages; CIFAR-10,
# where SELFSIGHT_DATA has it. The repository's own files go there by themselves.
set -eu
cd "$(dirname "$0")/../.."
rm -rf carried
mkdir -p carried/part-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -a package.json package-lock.json node_modules dist "$work/"
(cd "$work" && npm prune --omit=dev --offline --no-audit --no-fund >/dev/null)
mkdir "$work/carried-node"
cp "$(readlink -f "$(command -v node)")" "$work/carried-node/node"
tar cC "$work" node_modules dist carried-node | xz -T0 -3 >carried/part-1/runtime.tar.xz

cifar=
for folder in ${SELFSIGHT_DATA:-}; do [ ! -d "$folder/cifar-10-batches-bin" ] || cifar=$folder/cifar-10-batches-bin; done
if [ -n "$cifar" ]; then
  part=1
  for pair in "data_batch_1 data_batch_2" "data_batch_3 data_batch_4" "data_batch_5 test_batch"; do
    part=$((part + 1))
    mkdir "carried/part-$part"
    for name in $pair; do cp "$cifar/$name.bin" "carried/part-$part/"; done
  done
  cp "$cifar/batches.meta.txt" "carried/part-$part/"
else
  echo "CIFAR-10 is not in SELFSIGHT_DATA: its epoch is left out there"
fi

for part in carried/part-*; do
  bytes=$(du -sb "$part" | cut -f 1)
  echo "carry $part: $((bytes / 1048576)) MiB"
  [ "$bytes" -le $((64 * 1048576)) ] || { echo "$part is larger than 64 MiB" >&2; exit 1; }
done
