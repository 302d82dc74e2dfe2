# One node: the engine, its HTTP interface and the dashboard, on a volume. `docker compose up` runs it.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin rushes

FROM debian:bookworm-slim
# What scripts/setup.sh wants for running: ffmpeg, the fonts of the lettering; and certificates for talking to clouds.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates ffmpeg fonts-dejavu-core fonts-leckerli-one fonts-motoya-l-maruberi \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 rushes \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin rushes \
    && install -d -o 10001 -g 10001 -m 0750 /data \
    && install -d /etc/rushes
COPY --from=build /src/target/release/rushes /usr/local/bin/rushes
USER 10001:10001
# A rushes.toml goes here; without one, the environment says everything.
WORKDIR /etc/rushes
ENV RUSHES_HOME=/data RUSHES_SERVER__LISTEN=0.0.0.0:8787 RUSHES_LOG__FORMAT=json
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["rushes", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["rushes"]
CMD ["serve"]
