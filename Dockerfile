# gogooku as an image: nothing but what an evening and the server need, and no root.
#
#   docker build -t gogooku .
#   docker run --rm --env-file evening.env -v gogooku:/home/gogooku/.gogooku gogooku evening
#   docker run --env-file serve.env -v gogooku:/home/gogooku/.gogooku -p 127.0.0.1:8765:8765 \
#     gogooku serve --host 0.0.0.0
#
# Both files of variables hold keys: mode 600. Data live in the volume and outlast the container.
FROM python:3.11.14-slim-bookworm AS built
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
RUN python -m venv /opt/gogooku
ENV PATH=/opt/gogooku/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt ./
# By itself and without the libraries for GPUs, which are several gigabytes.
RUN pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md ./
COPY src ./src
RUN pip install -c constraints.txt '.[all]'

FROM python:3.11.14-slim-bookworm
# LightGBM is built with OpenMP.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1=12.2.0-14+deb12u1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 gogooku \
    && install -d -m 700 -o gogooku -g gogooku /home/gogooku/.gogooku
COPY --from=built /opt/gogooku /opt/gogooku
ENV PATH=/opt/gogooku/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By its number, so that a host can tell that it is not root.
USER 10001
WORKDIR /home/gogooku
VOLUME /home/gogooku/.gogooku
EXPOSE 8765
ENTRYPOINT ["gogooku"]
CMD ["--help"]
