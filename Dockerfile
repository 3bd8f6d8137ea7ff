# syntax=docker/dockerfile:1
# The pipeline with Prefect, for work pools whose runs are containers (ECS, Docker, Kubernetes).
#
#   docker build --tag energy-pipeline .
#   docker build --build-arg EXTRAS="--extra dask" --tag energy-pipeline .

FROM python:3.12-slim
# no compiler is installed: every dependency has a wheel
RUN pip install --no-cache-dir "uv>=0.9,<1"

# the only folder that the user may write to: state between runs, and the spool
RUN useradd --create-home --uid 10001 energy \
    && install --directory --owner energy /var/lib/energy-pipeline
# the two MALLOC variables lower the peak memory, as in prefect.yaml
ENV ENERGY_PIPELINE_STATE_DIR=/var/lib/energy-pipeline \
    ENERGY_PIPELINE_SPOOL_DIR=/var/lib/energy-pipeline/spool \
    MALLOC_ARENA_MAX=2 \
    _RJEM_MALLOC_CONF=dirty_decay_ms:200,muzzy_decay_ms:0,narenas:2 \
    PREFECT_LOGGING_EXTRA_LOGGERS=flows \
    PYTHONUNBUFFERED=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    PATH="/app/.venv/bin:$PATH"

WORKDIR /app
ARG EXTRAS=""
# a layer of its own, so that a change of the code does not install the dependencies again
COPY pyproject.toml README.md LICENSE ./
RUN uv sync --no-dev --no-install-project ${EXTRAS} && uv cache clean
COPY flows ./flows
COPY blocks ./blocks
# an editable install: a run loads the entrypoint by its path and imports the rest, both from /app
RUN uv sync --no-dev ${EXTRAS} && uv cache clean

USER energy
# work pools replace this by Prefect's command to run a flow
CMD ["energy-pipeline", "validate"]
