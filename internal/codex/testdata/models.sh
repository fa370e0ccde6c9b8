#!/bin/sh
# Makes models.json from the models that a Codex binary has built in, those that
# it prefers first:
#
#   internal/codex/testdata/models.sh CODEX_BINARY >internal/codex/models.json
#
# It needs jq and no network. Change Version in doc.go with it.
set -eu
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
version=$(CODEX_HOME=$home "$1" --version | sed 's/.* //')
CODEX_HOME=$home "$1" debug models --bundled 2>/dev/null | jq --arg codex "$version" '{
  codex: $codex,
  models: [.models | sort_by(.priority)[]
    | {slug, code_mode: (.tool_mode == "code_mode_only"), listed: (.visibility == "list")}]
}'
