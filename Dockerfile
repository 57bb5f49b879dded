# The images of the gateway and the operator, for those who have Docker: docker build --target parapet-gateway .
# `make images` makes the same without Docker and without a registry.
FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates cmake g++ make
# The image has this toolchain already; rust-toolchain.toml would fetch what only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /parapet
COPY . .
RUN mkdir -p /out/base/etc/ssl/certs /out/base/tmp && chmod 1777 /out/base/tmp && \
    cp /etc/ssl/certs/ca-certificates.crt /out/base/etc/ssl/certs/ && \
    printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' > /out/base/etc/passwd
# One after the other: built together, the gateway would get what only the operator asks of their common dependencies.
RUN --mount=type=cache,target=/parapet/target --mount=type=cache,target=/usr/local/cargo/registry \
    for binary in parapet-gateway parapet-operator; do \
      cargo rustc --locked --release -p $binary --bin $binary -- -C target-feature=+crt-static -C strip=symbols && \
      install -D target/release/$binary /out/$binary || exit 1; \
    done

FROM scratch AS base
COPY --from=build /out/base /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532

FROM base AS parapet-operator
COPY --from=build /out/parapet-operator /parapet-operator
ENTRYPOINT ["/parapet-operator"]

FROM base AS parapet-gateway
COPY --from=build /out/parapet-gateway /parapet-gateway
ENTRYPOINT ["/parapet-gateway"]
