# The price server: Debian's Python and the extras `server` and `signing`, nothing else. docs/image.md says how to build and run it.
# BASE is any Debian bookworm; name it by digest where a build must be repeatable.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3.11 >/dev/null \
    && apt-get clean && rm -rf /var/lib/apt/lists/*

FROM python AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates python3.11-venv >/dev/null
# pip reads these from the environment: --build-arg PIP_INDEX_URL=... takes the packages from another index.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3.11 -m venv /opt/tools && python3.11 -m venv --without-pip /opt/ridgeline
WORKDIR /src
COPY deploy/build.lock deploy/server.lock deploy/
RUN locked="--quiet --require-hashes --no-deps --only-binary=:all:" \
    && /opt/tools/bin/pip install $locked -r deploy/build.lock \
    && /opt/tools/bin/pip --python /opt/ridgeline/bin/python install $locked -r deploy/server.lock
COPY . .
RUN /opt/tools/bin/hatchling build --target wheel --directory /tmp/wheel \
    && /opt/tools/bin/pip --python /opt/ridgeline/bin/python install --quiet --no-index --no-deps /tmp/wheel/*.whl

FROM python
COPY --from=build /opt/ridgeline /opt/ridgeline
# Settings, not flags, so that `healthcheck` has them too. Not loopback: probes and scrapes come from outside.
# ONNX Runtime would keep a device number on disk and collect usage data for its maker.
ENV PATH=/opt/ridgeline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    RIDGELINE_SERVER_MODELS=/models \
    RIDGELINE_SERVER_ADDRESS=0.0.0.0:50051 \
    RIDGELINE_SERVER_OPS_ADDRESS=0.0.0.0:9464 \
    RIDGELINE_SERVER_LOG_FORMAT=json
EXPOSE 50051 9464
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["ridgeline-server", "healthcheck"]
ENTRYPOINT ["ridgeline-server"]
CMD ["serve"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ridgeline-server" \
      org.opencontainers.image.description="A gRPC price server: every price validated on the way in and guarded on the way out." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
