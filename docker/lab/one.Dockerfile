# One stage, as root, the dependencies before the source.
#
# PIP_OPTIONS  what differs between the experiments; empty keeps pip's cache in the image
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY requirements.txt .
ARG PIP_OPTIONS=--no-cache-dir
RUN --mount=type=secret,id=ca \
    [ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    pip --python "$(command -v python)" install --quiet \
        --root-user-action ignore $PIP_OPTIONS --requirement requirements.txt
COPY train.py .
RUN python -B train.py
COPY main.py .
ARG DONT_WRITE=
ENV PYTHONDONTWRITEBYTECODE=${DONT_WRITE}
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
