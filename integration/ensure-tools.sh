#!/bin/sh
# Makes sure that there is what the integration tests use beside an engine: a
# Chromium, in which they look at report.html, and jq, which packs a release. It
# says what it does, and does nothing that is done already.
set -eu

say() { echo "ensure-tools: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

missing=
have chromium || have chromium-browser || have google-chrome || missing="chromium fonts-dejavu-core"
have jq || missing="$missing jq"
if [ -z "$missing" ]; then
	say "all is there"
	exit 0
fi
if ! have apt-get; then
	say "install $missing, such that they are in PATH."
	exit 1
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
install() {
	# shellcheck disable=SC2086
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
say "installing $missing"
# A machine that has never asked for packages does not know of any.
install 2>/dev/null || { $root apt-get update -qq && install; }
say "all is there"
