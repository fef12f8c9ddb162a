# A model baked into the production image: trained and packed by it, then copied.
ARG IMAGE=pilotboat
FROM ${IMAGE} AS packed
WORKDIR /tmp/lab
COPY train.py .
RUN python train.py \
    && pilotboat pack model.joblib --data train.csv --target survived --name titanic --repository models

FROM ${IMAGE}
COPY --from=packed /tmp/lab/models /models
