# Selfsight in a container, without root's rights:
#   docker build -t selfsight .
#   docker run --rm selfsight                                         the quickstart; with `npm run quickstart -- --data shapes` offline
#   docker run --rm -v "$PWD/photos:/photos:ro" -v "$PWD/runs:/runs" selfsight npx selfsight pretrain /photos --out /runs/photos
# --build-arg LIBTORCH=... takes what `selfsight setup --libtorch` takes: cuda (then `docker run --gpus all`; the image has 4.4 GB more), or a
# folder, with --build-arg BASE=... one of another image of Debian's kind. Neither has been tried in a container.
ARG BASE=debian:trixie-slim
FROM ${BASE}

# pip fetches the pinned libtorch, whose SHA-256 is compared; it is not used later.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates cmake g++ make nodejs npm python3-pip \
  && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home selfsight && mkdir /runs && chown selfsight /runs
USER selfsight
WORKDIR /home/selfsight/selfsight
COPY --chown=selfsight . .

ARG LIBTORCH=cpu
RUN npm run setup -- --libtorch ${LIBTORCH}

CMD ["npm", "run", "quickstart"]
