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

# What the running app needs, as the wheels bring it.
FROM base AS installed
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# The versions are the base's own; binutils and patchelf leave with this stage.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends binutils patchelf \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
COPY requirements-serve.txt requirements-postgres.txt requirements-detector.txt /tmp/
# Compiled later, and only what is used.
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check -q \
        -r /tmp/requirements-serve.txt -r /tmp/requirements-postgres.txt \
    && pip install --no-cache-dir --no-compile --disable-pip-version-check -q \
        --no-deps -r /tmp/requirements-detector.txt

# 760 MB become 460, and 497 with the compiled form: tests, tools and second copies go, and what is
# left must prove that it works.
FROM installed AS served
COPY deploy/image/slim.py /tmp/slim.py
RUN pip uninstall -y -q --disable-pip-version-check setuptools pip \
    && python /tmp/slim.py /opt/venv/lib/python3*/site-packages
COPY app.py deploy/image/start.py deploy/image/warm.py LICENSE ./
COPY .streamlit .streamlit
COPY haarcascades haarcascades
COPY model model
COPY fer fer
# Whoever builds may have files that only they can read.
RUN rm -rf fer/training model/*.keras \
    && chmod -R a+rX,go-w . \
    && FER_LIVE=socket XDG_DATA_HOME=/tmp/data XDG_CACHE_HOME=/tmp/cache python warm.py \
    && rm warm.py

# Everything, TensorFlow too; nothing is taken out.
FROM installed AS everything
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check -q -r /tmp/requirements.txt
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
# Lessons lie in /data unless FER_DATABASE_URL says otherwise, and recordings without a name while
# they are read; nothing else is ever written.
# With more than two pools of memory, threads that come and go leave them behind half empty.
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
# A number, so that Kubernetes can see that it isn't root.
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "start.py", "check"]
# No init beside it: it starts no processes, and handles SIGTERM as process 1 (deploy/image/start.py).
CMD ["python", "start.py"]

FROM runtime AS full
COPY --from=everything /opt/venv /opt/venv
COPY --from=everything /app /app

# The last one is what a plain `docker build` makes.
FROM runtime AS serve
COPY --from=served /opt/venv /opt/venv
COPY --from=served /app /app
