# Portagent as a container: one static binary on Debian, with the programs that its operator uses inside.
#
#   docker build -t portagent .                                            compiles it here
#   docker buildx build --platform linux/amd64,linux/arm64 -t portagent .  for both kinds of machine
#   docker build -t portagent --build-arg BINARY=prebuilt .                takes the binaries of `make dist`

ARG BUILD_IMAGE=rust:1-bookworm
ARG BASE_IMAGE=debian:bookworm-slim
# Which of the stages below has the binary: `compiled` or `prebuilt`.
ARG BINARY=compiled
# Set by the builder: amd64 or arm64.
ARG TARGETARCH

# --- compiled: on the machine that builds, for the machine that runs; there is nothing to emulate
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS compiler
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc gcc-aarch64-linux-gnu libc6-dev libc6-dev-arm64-cross musl-tools \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG PROFILE=release

FROM compiler AS compiler-amd64
RUN cp "$(packaging/static.sh x86_64-unknown-linux-musl)" /portagent

FROM compiler AS compiler-arm64
RUN cp "$(packaging/static.sh aarch64-unknown-linux-musl)" /portagent

FROM compiler-${TARGETARCH} AS compiled

# --- prebuilt: the binaries that `make dist` has made
FROM scratch AS prebuilt-amd64
COPY dist/portagent-x86_64-unknown-linux-musl /portagent

FROM scratch AS prebuilt-arm64
COPY dist/portagent-aarch64-unknown-linux-musl /portagent

FROM prebuilt-${TARGETARCH} AS prebuilt

FROM ${BINARY} AS binary

# --- the image
FROM ${BASE_IMAGE}
# sqlite3, wget and ss are for the operator (`docker exec portagent sqlite3 …`); the server needs none of them.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates iproute2 sqlite3 wget \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && groupadd --gid 1000 node \
 && useradd --uid 1000 --gid node --create-home --shell /bin/sh node \
 && install -d -o node -g node -m 0700 /home/node/.agentx
COPY --from=binary --chmod=0755 /portagent /usr/local/bin/portagent

ENV AGENTX_DIR=/home/node/.agentx \
    HOST=0.0.0.0 \
    PORT=5200
VOLUME /home/node/.agentx
EXPOSE 5200
USER node
WORKDIR /home/node

HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 \
  CMD wget --no-verbose --tries=1 --spider http://localhost:5200/health || exit 1

# Not by way of a shell: the binary is process 1 and gets the signals of `docker stop` itself.
ENTRYPOINT ["portagent"]
CMD ["serve"]
