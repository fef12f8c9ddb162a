# An image without any byte code.
ARG IMAGE=pilotboat
FROM ${IMAGE}
USER 0:0
RUN find / -xdev -type d -name __pycache__ -prune -exec rm -rf {} +
USER 10001:0
