# The program for Linux on a small base. Build a release first (bun build.ts --all),
# then:  docker build --tag mcp-process --file Dockerfile dist
#
# What runs in it is what is in it: add the programs that your agent needs, or
# build upon this image.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG BINARY=mcp-process-linux-x64
COPY --chmod=0755 ${BINARY} /usr/local/bin/mcp-process
# Number, not name: it is in no file of the base. Nothing is written but the audit
# log, to a place that is writable with a read-only root too, as long as /tmp is.
USER 65532:65532
ENV HOME=/tmp XDG_STATE_HOME=/tmp/state
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/mcp-process"]
CMD ["--config", "/etc/mcp-process.json"]
