# The source before the dependencies: each edit installs them again.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca \
    [ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    pip --python "$(command -v python)" install --quiet \
        --root-user-action ignore --no-cache-dir --requirement requirements.txt
RUN python train.py
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
