#!/usr/bin/env bash
# Makes all that a release consists of, in bin/release: a tar.gz for each platform,
# the bundle for Claude Desktop, the entry for the MCP registry, checksums.
#
#   .github/release.sh            all platforms, in a checkout of a version's tag
#   .github/release.sh OS/ARCH…   these alone
#
# The version is the tag's, as the Go toolchain stamps it: nothing else names it.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
MCPB=${MCPB:-npx --yes @anthropic-ai/mcpb@2.1.2}

tag=$(git describe --exact-match --tags --match 'v[0-9]*') || {
  echo "release: HEAD has no version's tag; git tag vX.Y.Z first" >&2
  exit 2
}
out=$PWD/bin/release bundle=$PWD/bin/bundle
rm -rf "$out" "$bundle"
mkdir -p "$out" "$bundle/server"
make -s init

for platform; do
  os=${platform%/*} arch=${platform#*/}
  binary=$bundle/server/codex-mcp-runner-$os-$arch
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -buildvcs=true -trimpath -ldflags '-s -w' -o "$binary" ./cmd/codex-mcp-runner
  stamped=$(go version -m "$binary" | awk '$1 == "mod" {print $3}')
  if [ "$stamped" != "$tag" ]; then
    echo "release: $binary calls itself $stamped, not $tag; is the tree dirty?" >&2
    exit 1
  fi
  stage=$(mktemp -d)
  cp "$binary" "$stage/codex-mcp-runner"
  cp README.md LICENSE "$stage"
  tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    -c codex-mcp-runner LICENSE README.md | gzip -9n >"$out/codex-mcp-runner_${os}_$arch.tar.gz"
  rm -rf "$stage"
done

cp .mcpb/launch.sh "$bundle/server/codex-mcp-runner"
cp README.md LICENSE "$bundle"
jq --arg version "${tag#v}" '.version = $version' .mcpb/manifest.json >"$bundle/manifest.json"
$MCPB validate "$bundle/manifest.json"
$MCPB pack "$bundle" "$out/codex-mcp-runner.mcpb"
rm -rf "$bundle"

jq --arg version "${tag#v}" --arg digest "$(sha256sum "$out/codex-mcp-runner.mcpb" | cut -d' ' -f1)" '
  .version = $version
  | .packages[].fileSha256 = $digest
  | .packages[].identifier |= sub("/v0\\.0\\.0/"; "/v\($version)/")' .mcpb/server.json >"$out/server.json"

(cd "$out" && sha256sum ./*.tar.gz ./*.mcpb | sed 's|\./||' >SHA256SUMS)
ls -l "$out"
