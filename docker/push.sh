# Pushes pilotboat:latest to REGISTRY as <version>, <revision> and latest.
#
#   REGISTRY=registry.example.com/team sh docker/push.sh

set -eu
: "${REGISTRY:?is not set: make push REGISTRY=registry.example.com/team}"
image=${IMAGE:-pilotboat:latest}
name=$REGISTRY/pilotboat

label() { docker image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" "$image"; }

version=$(label version)
revision=$(label revision | cut -c 1-12)
for tag in "$version" "$revision" latest; do
  docker tag "$image" "$name:$tag"
  docker push --quiet "$name:$tag"
done
