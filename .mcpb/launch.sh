#!/bin/sh
# A bundle's manifest can name a program for each system, but not for each
# processor: this picks the one for both.
case "$(uname -m)" in
x86_64 | amd64) arch=amd64 ;;
*) arch=arm64 ;;
esac
exec "$(dirname "$0")/codex-mcp-runner-$(uname -s | tr '[:upper:]' '[:lower:]')-$arch" "$@"
