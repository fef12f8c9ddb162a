# The wheels beside what was installed from them: what pip's cache holds.
ARG IMAGE=pilotboat-lab/one
FROM ${IMAGE}
RUN --mount=type=secret,id=ca \
    [ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    pip --python "$(command -v python)" download --quiet --no-cache-dir \
        --dest /root/.cache/pip --requirement requirements.txt
