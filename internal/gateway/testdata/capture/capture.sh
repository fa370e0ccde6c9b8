#!/bin/bash
# Usage: capture.sh CODEX_BINARY OUT_DIR
# Runs the real Codex through every scenario that the gateway must let through
# (and, under "forbidden-", some that it must not), and keeps the last request
# of each in ../requests: it repeats all that went before. Ids and paths are
# made the same every time, and long texts cut. OUT_DIR keeps everything as it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
codex=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/server" "$here/main.go"

msg='{"type":"message","role":"assistant","id":"msg-1","content":[{"type":"output_text","text":"done"}]}'
think='{"type":"reasoning","id":"rs-1","summary":[{"type":"summary_text","text":"**Thinking** about it"}],"encrypted_content":"b3BhcXVl"}'
call() { printf '{"type":"function_call","call_id":"%s","name":"%s","arguments":%s}' "$1" "$2" "$(jq -cn --arg a "$3" '$a')"; }
custom() { printf '{"type":"custom_tool_call","call_id":"%s","name":"%s","input":%s}' "$1" "$2" "$(jq -cn --arg a "$3" '$a')"; }
patch=$'*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n'

# keep NAME FILE
keep() {
  sed -E -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/00000000-0000-7000-8000-000000000000/g' \
    -e "s#$work/[a-z-]+[.]tree#/workspace#g; s#$work/[a-z-]+[.]home#/home/codex#g" -e 's/_at_unix_ms\\":[0-9]+/_at_unix_ms\\":0/g' "$2" |
    jq 'walk(if type == "string" and length > 240 and (startswith("data:") | not) then .[:160] + " …" else . end)' >"$here/../requests/$1.json"
}

# run NAME MODEL SCRIPT [tokens=N] [provider=NAME] [stock] [-- extra codex arguments]
run() {
  local name=$1 model=$2 script=$3; shift 3
  local tokens=100 provider=relay flags=(--disable plugins --disable apps --disable unbounded_connection_retries
    --disable unified_exec_tty -c agents.enabled=false -c allow_login_shell=false -c 'web_search="disabled"'
    -c tools.update_plan.enabled=true -c analytics.enabled=false -c check_for_update_on_startup=false)
  while [ $# -gt 0 ]; do
    case $1 in
      tokens=*) tokens=${1#*=} ;;
      provider=*) provider=${1#*=} ;;
      git) git init -q "$work/$name.tree" && git -C "$work/$name.tree" -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m a && git -C "$work/$name.tree" remote add origin https://example.com/a/b.git ;;
      stock) flags=(-c analytics.enabled=false --disable plugins) ;;
      --) shift; break ;;
    esac
    shift
  done
  local dir=$out/$name home=$work/$name.home tree=$work/$name.tree
  mkdir -p "$dir" "$home" "$tree"
  printf '# Rules\nBe brief.\n' >"$tree/AGENTS.md"
  base64 -d >"$tree/dot.png" <<<'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  echo "[$script]" >"$work/script.json"
  rm -f "$work/ready"
  "$work/server" -out "$dir" -script "$work/script.json" -ready "$work/ready" -tokens "$tokens" &
  local pid=$!
  until [ -s "$work/ready" ]; do sleep 0.05; done
  local turns=("exec") t
  [ -n "${RESUME-}" ] && turns=("exec" "exec resume --last")
  for t in "${turns[@]}"; do
    # shellcheck disable=SC2086
    (cd "$tree" && HOME=$home CODEX_HOME=$home timeout 60 "$codex" $t --json ${EPHEMERAL---ephemeral} --skip-git-repo-check --ignore-user-config --ignore-rules \
      --dangerously-bypass-approvals-and-sandbox -m "$model" -c model_provider=relay \
      -c "model_providers.relay={name='$provider',base_url='http://$(cat "$work/ready")/v1',wire_api='responses',requires_openai_auth=false,supports_websockets=false,request_max_retries=0,stream_max_retries=0}" \
      "${flags[@]}" "$@" - <<<"Say hello." >"$dir/events.jsonl" 2>"$dir/stderr.txt") || echo "$name: codex exited $?"
  done
  kill "$pid"; wait "$pid" 2>/dev/null || true
  keep "$name" "$(ls "$dir"/[0-9]*.json | tail -1)"
  local trigger
  trigger=$(grep -l compaction_trigger "$dir"/[0-9]*.json | head -1) && keep "$name-trigger" "$trigger"
  echo "$name: $(ls "$dir"/[0-9]*.json | wc -l) requests"
}

classic="[$think,$(call c1 exec_command '{"cmd":"echo hi; exit 3"}')],[$(custom c2 apply_patch "$patch")],[$(call c3 view_image '{"path":"dot.png"}')],[$(call c4 update_plan '{"plan":[{"step":"a","status":"completed"}]}')],[$(call c5 no_such_tool '{}')],[$msg]"
code="[$think,$(custom c1 exec 'const r = await tools.exec_command({cmd:"echo hi"}); text(JSON.stringify(r));')],[$(custom c2 exec "await tools.apply_patch($(jq -cn --arg p "$patch" '$p')); image(await tools.view_image({path:\"dot.png\"}));")],[$(custom c3 exec 'const i = await tools.view_image({path:"dot.png"}); image(i.image_url ?? i); text(JSON.stringify(i).slice(0,80));')],[$(call c4 wait '{"cell_id":"1"}')],[$msg]"
long="[$(call c1 exec_command '{"cmd":"echo hi"}')],[$msg],[$(call c2 exec_command '{"cmd":"echo more"}')],[$msg]"
longcode="[$(custom c1 exec 'text("hi")')],[$msg],[$(custom c2 exec 'text("more")')],[$msg]"
compaction='{"type":"compaction","id":"cmp-1","encrypted_content":"b3BhcXVl"}'
remote="[$(call c1 exec_command '{"cmd":"echo hi"}')],[$compaction],[$msg]"
schema=$work/schema.json
echo '{"type":"object","properties":{"report":{"type":"string"}},"required":["report"],"additionalProperties":false}' >"$schema"

run classic gpt-5.5 "$classic"
run code gpt-6.1-sol "$code"
run code-older gpt-5.6-luna "$code"
run unknown o4-mini "[$think,$(call c1 exec_command '{"cmd":"echo hi"}')],[$msg]"
run classic-compact gpt-5.5 "$long" tokens=90000 -- -c model_auto_compact_token_limit=50000
run code-compact gpt-6.1-sol "$longcode" tokens=90000 -- -c model_auto_compact_token_limit=50000
run classic-remote-compact gpt-5.5 "$remote" tokens=90000 provider=OpenAI -- -c model_auto_compact_token_limit=50000
run code-remote-compact gpt-6.1-sol "[$(custom c1 exec 'text("hi")')],[$compaction],[$msg]" tokens=90000 provider=OpenAI -- -c model_auto_compact_token_limit=50000
EPHEMERAL='' RESUME=1 run resume gpt-5.5 "[$think,$(call c1 exec_command '{"cmd":"echo hi"}')],[$msg],[$msg]"
EPHEMERAL='' RESUME=1 run code-resume gpt-6.1-sol "[$think,$(custom c1 exec 'text("hi")')],[$msg],[$msg]"
run schema gpt-5.5 "[$msg]" -- --output-schema "$schema"
run code-schema gpt-6.1-sol "[$msg]" -- --output-schema "$schema"
run git gpt-5.5 "[$(call c1 exec_command '{"cmd":"git log --oneline"}')],[$msg]" git
run code-agents gpt-6.1-sol "[$msg]" stock
run agents gpt-5.5 "[{\"type\":\"tool_search_call\",\"call_id\":\"c1\",\"execution\":\"client\",\"arguments\":{\"query\":\"spawn agent\"}}],[$msg]" stock -- -c 'web_search="disabled"'
run namespaced gpt-5.5 "[{\"type\":\"function_call\",\"call_id\":\"c1\",\"namespace\":\"multi_agent_v1\",\"name\":\"spawn_agent\",\"arguments\":\"{}\"}],[$msg]"
run image gpt-5.5 "[$msg]" -- -i dot.png
run effort gpt-6.1-sol "[$msg]" -- -c model_reasoning_effort=high -c model_reasoning_summary=detailed -c model_verbosity=low
run forbidden-web-search gpt-5.5 "[$msg]" stock
run forbidden-web-search-call gpt-5.5 "[{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\",\"action\":{\"type\":\"search\",\"query\":\"q\"}},$(call c1 exec_command '{"cmd":"echo hi"}')],[$msg]"
run code-image-url gpt-6.1-sol "[$(custom c1 exec 'image("https://example.com/a.png")')],[$msg]"
