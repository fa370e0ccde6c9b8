//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// A sandbox looks around with all that a shell can do. Each line that it prints
// is a fact; wanted ones and forbidden ones are below.
const lookAround = `
echo "interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1 | xargs)"
echo "routes: $(tail -n +2 /proc/net/route | wc -l)"
for name in example.com host.docker.internal gateway.docker.internal; do getent hosts $name >/dev/null && echo "resolved $name"; done
echo "uid: $(id -u)"
echo "status: $(grep -E '^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t' | xargs)"
for dir in / /etc /etc/codex /usr/bin /opt/codex-mcp-runner/bin /run/codex/objects/0 /run /sys/fs/cgroup /proc/sys/kernel; do
  touch $dir/x 2>/dev/null && echo "wrote $dir"
done
before=$(cat /workspace/.git)
unlink /workspace/.git; mv /workspace/.git /workspace/git; mv -T /workspace/src /workspace/.git; echo x >/workspace/.git; ln -sf /etc /workspace/.git
[ "$before" = "$(cat /workspace/.git)" ] && echo "pointer: $before"
ls -d /var/run/docker.sock /run/docker.sock "$OTHER" 2>/dev/null && echo "saw the host"
kill -9 1; cat /proc/1/environ >/dev/null 2>&1 && echo "read environment of 1"; ls -l /proc/1/fd >/dev/null 2>&1 && echo "read files of 1"
unshare -Ur true 2>/dev/null && echo "made a user namespace"
mount -t tmpfs none /mnt 2>/dev/null && echo "mounted"
mknod /tmp/null c 1 3 2>/dev/null && echo "made a device"
dmesg 2>/dev/null | head -1 | grep -q . && echo "read the kernel log"
find / -xdev -perm -4000 -type f 2>/dev/null | head -1 | xargs -r -I{} sh -c '{} -c id 2>/dev/null | grep -q uid=0 && echo "became root"'
for a in $ADDRESSES; do timeout 1 bash -c "exec 3<>/dev/tcp/$a/$PORT" 2>/dev/null && echo "reached $a"; done
echo looked`

func TestASandboxIsConfined(t *testing.T) {
	t.Parallel()
	l, accepted := counted(t, ":0", "")
	port := l.Addr().(*net.TCPAddr).Port
	var addresses []string
	list, err := net.InterfaceAddrs() // docker0's among them, which is a bridged container's gateway
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
			addresses = append(addresses, ip.IP.String())
			c, err := net.DialTimeout("tcp", net.JoinHostPort(ip.IP.String(), fmt.Sprint(port)), time.Second)
			if err != nil {
				t.Fatalf("the host itself does not reach %s: %v", ip.IP, err)
			}
			_ = c.Close()
		}
	}
	fromHere := int32(len(addresses))
	for accepted.Load() < fromHere {
		time.Sleep(time.Millisecond)
	}

	other := filepath.Join(t.TempDir(), "of-another-run")
	if err := os.WriteFile(other, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("ADDRESSES=%q PORT=%d OTHER=%q\n%s", strings.Join(append(addresses, "1.1.1.1"), " "), port, other, lookAround)
	h := newHost(t, conversation("", patient(script), say("Looked.")))
	r := h.serve().run("Look around.")

	heard := h.heard()
	for _, want := range []string{
		"interfaces: lo\n", "routes: 0\n", "uid: 10001\n", "pointer: gitdir: /run/codex/git", "looked",
		"status: CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2\n",
	} {
		if !strings.Contains(heard, want) {
			t.Errorf("it did not say %q", want)
		}
	}
	for _, bad := range []string{"resolved ", "wrote ", "saw ", "read ", "made ", "mounted", "became ", "reached "} {
		if strings.Contains(heard, "\n"+bad) {
			t.Errorf("it %s something", bad)
		}
	}
	if n := accepted.Load() - fromHere; n != 0 {
		t.Errorf("%d connections came out of the sandbox", n)
	}
	if t.Failed() {
		t.Logf("%s %+v\n%s", r.Status, r.Failure, heard)
	}
}

// ask sends the gateway a request as any process in a sandbox can.
const ask = `
ask() { # name, request line, header, body
  exec 3<>/dev/tcp/127.0.0.1/8128
  printf '%s HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$2" "$3" "${#4}" "$4" >&3
  echo "$1: $(timeout 5 head -1 <&3 | tr -d '\r' | cut -d' ' -f2)"
}
user='"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],"stream":true,"store":false'
ask list     "GET /v1/models" "X: x" ""
ask files    "POST /v1/files" "X: x" "{}"
ask query    "POST /v1/responses?x=data" "X: x" "{}"
ask dots     "POST /v1/../v1/responses" "X: x" "{}"
ask absolute "POST http://api.openai.com/v1/responses" "X: x" "{}"
ask connect  "CONNECT example.com:443" "X: x" ""
ask model    "POST /v1/responses" "X: x" "{\"model\":\"o1-pro\",$user}"
ask search   "POST /v1/responses" "X: x" "{\"model\":\"gpt-5.5\",\"tools\":[{\"type\":\"web_search\"}],$user}"
ask store    "POST /v1/responses" "X: x" "{\"model\":\"gpt-5.5\",${user/false/true}}"
ask image    "POST /v1/responses" "X: x" "{\"model\":\"gpt-5.5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"https://evil.example/data\"}]}],\"stream\":true,\"store\":false}"
ask good     "POST /v1/responses" "Authorization: Bearer stolen" "{\"model\":\"gpt-5.5\",$user}"
`

func TestTheGatewayLetsModelCallsThroughAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHost(t, conversation("Ask the gateway", patient(ask), say("Asked.")), conversation("hi", say("hello")))
	r := h.serve().run("Ask the gateway.")
	heard := h.heard()
	for name, status := range map[string]int{
		"list": 403, "files": 403, "query": 403, "dots": 403, "absolute": 403, "connect": 403,
		"model": 400, "search": 400, "store": 400, "image": 400, "good": 200,
	} {
		if want := fmt.Sprintf("%s: %d\n", name, status); !strings.Contains(heard, want) {
			t.Errorf("it did not say %q", want)
		}
	}
	rules := map[string]bool{}
	for _, f := range r.Findings {
		rules[f.Rule] = true
	}
	if r.Status != task.Failed || r.Failure.Kind != task.FailRule || !rules["gateway-route"] || !rules["gateway-request"] {
		t.Errorf("%s, %+v, %+v", r.Status, r.Failure, r.Findings)
	}
	for _, req := range h.model.Requests() {
		body := string(req.Body)
		if req.Method != "POST" || req.Path != "/v1/responses" || req.Model != "gpt-5.5" ||
			strings.Contains(body, `"web_search"`) || strings.Contains(body, "evil.example/data\"") && !strings.Contains(body, "Ask the gateway") ||
			req.Header.Get("Authorization") != "Bearer "+apiKey {
			t.Errorf("the model was asked %s %s of %s", req.Method, req.Path, req.Model)
		}
	}
	if t.Failed() {
		t.Log(heard)
	}
}
