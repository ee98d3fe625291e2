# p2o on NVIDIA GPUs, with vLLM as the rollout engine. From a checkout:
#   docker build -t p2o .
#   docker run --rm --gpus all --ipc host -v "$PWD:/work" p2o fit --config p2o:quickstart
# Linted by hadolint 2.15.1 and never built: where it was written there was neither a Docker engine nor a GPU.
FROM nvidia/cuda:12.9.1-runtime-ubuntu24.04

ENV DEBIAN_FRONTEND=noninteractive \
    PIP_NO_CACHE_DIR=1 \
    PATH=/opt/p2o/bin:$PATH

# A compiler: vLLM and torch compile kernels when they start. The release of the base image decides the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-dev python3-venv build-essential git \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/p2o

COPY . /opt/source
# vLLM first: it brings the one release of torch that it is compiled against.
RUN pip install "vllm>=0.32" && pip install "/opt/source[hub,report,completion]"

WORKDIR /work
ENTRYPOINT ["p2o"]
CMD ["--help"]
