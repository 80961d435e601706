# syntax=docker/dockerfile:1
#
# One image for all three processes: api, worker and migrate (see compose.yaml).
# It is linted by `make check`, which has no Docker engine: build it once before you rely on it.
#
# The embedded servers are not in it: DATABASE_URL and REDIS_URL must be set.
# It writes nothing but /tmp and needs no home: run it with a read-only root and a tmpfs on /tmp.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/ledgerwire
# Nothing is installed that is not, byte by byte, what was looked at when the locks were made; the
# tool that builds our own wheel stays behind.
COPY requirements.lock requirements-build.lock ./
RUN /opt/ledgerwire/bin/pip install --require-hashes -r requirements.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY migrations ./migrations
COPY app ./app
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/ledgerwire/bin/pip install --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/ledgerwire/bin/python -m compileall -q /opt/ledgerwire

FROM python:${PYTHON}-slim
# A number, so that a cluster can prove that it is not root.
RUN groupadd --gid 10001 ledgerwire \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin ledgerwire
COPY --from=build /opt/ledgerwire /opt/ledgerwire
WORKDIR /srv
ENV PATH=/opt/ledgerwire/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/tmp/ledgerwire \
    LOG_FORMAT=json
USER 10001:10001
EXPOSE 8400
# The worker has no port; compose.yaml switches this off there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8400/healthz', timeout=2)"]
ENTRYPOINT ["ledgerwire"]
CMD ["api", "--host", "0.0.0.0", "--port", "8400"]
