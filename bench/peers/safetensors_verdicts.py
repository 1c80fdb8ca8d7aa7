"""Whether the reference parser reads each of the files on standard input: length (four bytes, little-endian) and content."""

import base64
import json
import sys

import safetensors

data = sys.stdin.buffer.read()
accepted = []
at = 0
while at < len(data):
    length = int.from_bytes(data[at : at + 4], "little")
    try:
        safetensors.deserialize(data[at + 4 : at + 4 + length])
        accepted.append(1)
    except safetensors.SafetensorError:
        accepted.append(0)
    at += 4 + length
bits = bytearray((len(accepted) + 7) // 8)
for i, each in enumerate(accepted):
    bits[i // 8] |= each << (i % 8)
print(
    json.dumps(
        {
            "parser": f"safetensors {safetensors.__version__}",
            "count": len(accepted),
            "accepted": sum(accepted),
            "bits": base64.b64encode(bits).decode(),
        }
    )
)
