# The image for managed training: `docker build --target full -t fer:full .`, then
#   docker build -f deploy/train.Dockerfile -t fer-train .
ARG FULL_IMAGE=fer:full
FROM ${FULL_IMAGE}
# The platforms mount their folders for root alone.
# hadolint ignore=DL3002
USER 0
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "fer.training.cloud.job"]
CMD []
