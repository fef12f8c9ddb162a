# Nothing but the context: what the client sends to the engine.
FROM scratch
COPY . /pilotboat-lab/
