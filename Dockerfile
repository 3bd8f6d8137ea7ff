# syntax=docker/dockerfile:1
# The pipeline with Prefect, for work pools whose runs are containers (ECS, Docker, Kubernetes).
#
#   docker build --tag energy-pipeline .
#   docker build --build-arg EXTRAS="--extra dask" --tag energy-pipeline .

FROM python:3.12-slim
# the slim image has no compiler; every dependency comes as a wheel
RUN pip install --no-cache-dir "uv>=0.9,<1"

# who runs it may write nowhere but in this folder: what is kept between runs, and the spool
RUN useradd --create-home --uid 10001 energy \
    && install --directory --owner energy /var/lib/energy-pipeline
ENV ENERGY_PIPELINE_STATE_DIR=/var/lib/energy-pipeline \
    ENERGY_PIPELINE_SPOOL_DIR=/var/lib/energy-pipeline/spool \
    PREFECT_LOGGING_EXTRA_LOGGERS=flows \
    PYTHONUNBUFFERED=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    PATH="/app/.venv/bin:$PATH"

WORKDIR /app
ARG EXTRAS=""
# in a layer of its own, which a change of the code leaves as it is
COPY pyproject.toml README.md LICENSE ./
RUN uv sync --no-dev --no-install-project ${EXTRAS} && uv cache clean
COPY flows ./flows
COPY blocks ./blocks
# editable, so that the code a run loads by its path and the code it imports are one
RUN uv sync --no-dev ${EXTRAS} && uv cache clean

USER energy
# a work pool replaces it by Prefect's command for a run; alone, the image checks its configuration
CMD ["energy-pipeline", "validate"]
