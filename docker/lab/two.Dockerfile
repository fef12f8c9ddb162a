# Two stages: the second gets the environment and the model, nothing else.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE} AS builder
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=secret,id=ca \
    [ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --quiet --no-cache-dir --requirement requirements.txt
COPY train.py .
RUN /opt/venv/bin/python -B train.py

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app/model.joblib .
COPY main.py .
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
