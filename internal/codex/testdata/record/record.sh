#!/bin/sh
# Records testdata/transcripts and testdata/hooks anew, each from a scenario, the real Codex, in a container without network:
#
#   internal/codex/testdata/record/record.sh IMAGE CODEX_DIR [scenario ...]
#
# IMAGE is any Linux image with bash and git. CODEX_DIR is the unpacked platform
# package of @openai/codex: the directory that has bin/codex in it. Then run
#   go test ./internal/codex -update
# and read the difference.
set -eu
image=$1 codex=$(realpath "$2")
shift 2
here=$(dirname "$(realpath "$0")")
[ $# -gt 0 ] || set -- "$here"/scenarios/*.json

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && CGO_ENABLED=0 go build -o "$work/record" .)
mkdir -p "$here/../transcripts" "$here/../hooks"
tools=/opt/codex-mcp-runner
for scenario; do
	rm -rf "$work/out"
	mkdir -m 777 "$work/out"
	name=$(basename "$scenario" .json)
	echo "== $name" >&2
	docker run --rm --network none -e DUMP \
		-v "$work/record:$tools/bin/sandbox-init:ro" \
		-v "$codex/bin/codex:$tools/bin/codex:ro" \
		-v "$codex/bin/codex-code-mode-host:$tools/bin/codex-code-mode-host:ro" \
		-v "$codex/codex-package.json:$tools/codex-package.json:ro" \
		-v "$codex/codex-path:$tools/codex-path:ro" \
		-v "$codex/codex-resources:$tools/codex-resources:ro" \
		-v "$work/out:/out" \
		-v "$(realpath "$scenario"):/scenario.json:ro" \
		"$image" "$tools/bin/sandbox-init" /scenario.json >"$work/out.jsonl" 2>"$work/err.log" ||
		{ cat "$work/err.log" >&2; exit 1; }
	cat "$work/err.log" >&2
	cp "$work/out.jsonl" "$here/../transcripts/$name.jsonl"
	[ ! -e "$work/out/hooks.jsonl" ] || cp "$work/out/hooks.jsonl" "$here/../hooks/$name.jsonl"
done
