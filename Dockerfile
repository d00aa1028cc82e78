# The app in one image: `docker build -t fer .`, then
#   docker run --rm -p 8080:8080 --read-only --tmpfs /tmp -v lessons:/data fer
# With TensorFlow, for training and for the network's Keras form: docker build --target full.
#
# For a build that is the same in a year, name the base by its digest:
#   --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /app

# The packages that the running app needs, as their wheels install them.
FROM base AS installed
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# The base image sets the versions; binutils and patchelf do not get into the final image.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends binutils patchelf \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
COPY requirements-serve.txt requirements-detector.txt /tmp/
# Python's compiled form is made later, and only of what is used. The files hold every package's hash.
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check -q \
        --require-hashes -r /tmp/requirements-serve.txt \
    && pip install --no-cache-dir --no-compile --disable-pip-version-check -q \
        --require-hashes --no-deps -r /tmp/requirements-detector.txt

# 760 MB become 460, and 497 with the compiled form: tests, tools and second copies are deleted, and
# warm.py runs the app with the rest.
FROM installed AS served
COPY deploy/image/slim.py /tmp/slim.py
RUN pip uninstall -y -q --disable-pip-version-check setuptools pip \
    && python /tmp/slim.py /opt/venv/lib/python3*/site-packages
COPY app.py deploy/image/start.py deploy/image/warm.py LICENSE ./
COPY .streamlit .streamlit
COPY haarcascades haarcascades
COPY model model
COPY fer fer
# The files may be readable only for the user who builds.
RUN rm -rf fer/training fer/bench model/*.keras \
    && chmod -R a+rX,go-w . \
    && FER_LIVE=socket XDG_DATA_HOME=/tmp/data XDG_CACHE_HOME=/tmp/cache python warm.py \
    && rm warm.py

# Everything, TensorFlow too; nothing is deleted.
FROM installed AS everything
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check -q \
        --require-hashes -r /tmp/requirements.txt
COPY app.py deploy/image/start.py LICENSE ./
COPY .streamlit .streamlit
COPY haarcascades haarcascades
COPY model model
COPY fer fer
RUN chmod -R a+rX,go-w .

FROM base AS runtime
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Class expressions" \
      org.opencontainers.image.description="Reads the facial expressions of a class" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# /data holds the lessons unless FER_DATABASE_URL names a database, and unnamed temporary files of
# recordings while they are read; nothing else is written.
# Two malloc arenas: with more, threads that end leave theirs behind half empty.
ENV HOME=/data \
    MALLOC_ARENA_MAX=2 \
    PORT=8080 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/data \
    XDG_CACHE_HOME=/data/cache \
    XDG_DATA_HOME=/data
RUN install -d -o 10001 -g 10001 -m 700 /data
VOLUME /data
EXPOSE 8080
# A number, so that Kubernetes can check that it isn't root.
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "start.py", "check"]
# No init process: the one process that the app starts ends and reaps the processes that decode
# files (docs/decisions/0070-decoding.md), and the app handles SIGTERM as process 1
# (deploy/image/start.py).
CMD ["python", "start.py"]

FROM runtime AS full
COPY --from=everything /opt/venv /opt/venv
COPY --from=everything /app /app

# The last one is what a plain `docker build` makes.
FROM runtime AS serve
COPY --from=served /opt/venv /opt/venv
COPY --from=served /app /app
