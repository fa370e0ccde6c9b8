//go:build integration

package integration

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// accessToken is one as ChatGPT issues it. What tells a token from others is not in
// the secret part, so that one search finds them all.
func accessToken(name string, expires time.Time) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"name":%q}`, expires.Unix(), name)) + "." + apiKey
}

const sandboxes = 8

// provider is ChatGPT's side of a login, before the scripted model: a refresh token
// serves once, and a model call needs the newest access token. The first call of each
// sandbox waits for release.
type provider struct {
	model   http.Handler
	access  string // which it issues, and takes
	release chan struct{}

	mu        sync.Mutex
	waiting   int
	refreshed []map[string]string // what it was asked at the token endpoint
	calls     map[string]int      // by token, account and status
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		p.refresh(w, r)
		return
	}
	p.mu.Lock()
	p.waiting++
	first := p.waiting <= sandboxes
	p.mu.Unlock()
	if first {
		select {
		case <-p.release:
		case <-r.Context().Done():
		}
	}
	token, status := "another token", http.StatusUnauthorized
	if r.Header.Get("Authorization") == "Bearer "+p.access {
		token, status = "the new token", http.StatusOK
	}
	p.mu.Lock()
	p.calls[fmt.Sprintf("%s of %q: %d", token, r.Header.Get("Chatgpt-Account-Id"), status)]++
	p.mu.Unlock()
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	p.model.ServeHTTP(w, r)
}

func (p *provider) refresh(w http.ResponseWriter, r *http.Request) {
	asked := map[string]string{}
	err := json.NewDecoder(r.Body).Decode(&asked)
	p.mu.Lock()
	p.refreshed = append(p.refreshed, asked)
	used := len(p.refreshed) > 1
	p.mu.Unlock()
	if err != nil || used || r.Method != http.MethodPost || asked["refresh_token"] != "first-"+apiKey {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"id_token":%q}`, p.access, "second-"+apiKey, "id-"+apiKey) // nobody to tell
}

func (p *provider) waitingNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// Eight sandboxes need a new token at once. The host gets it, once for all, and no
// sandbox sees the old one or the new one.
func TestOneRefreshServesEightSandboxes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left    time.Duration // of the old token
		refused int           // calls with it
		reason  string
	}{
		"expired":                {-time.Hour, 0, "proactive_expiry"},
		"revoked while they run": {time.Hour, sandboxes, "unauthorized_recovery"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, conversation("", patient(search(apiKey, "decoy-4711-abcdefgh")), say("Found nothing.")))
			p := &provider{model: h.model, access: accessToken("new", time.Now().Add(time.Hour)), release: make(chan struct{}), calls: map[string]int{}}
			chatGPT := httptest.NewServer(p)
			t.Cleanup(chatGPT.Close)
			delete(h.env, "CODEX_API_KEY")
			h.env["OPENAI_BASE_URL"], h.env["CODEX_REFRESH_TOKEN_URL_OVERRIDE"] = chatGPT.URL+"/v1", chatGPT.URL+"/oauth/token"
			auth := filepath.Join(h.env["HOME"], ".codex", "auth.json")
			if err := os.MkdirAll(filepath.Dir(auth), 0o700); err != nil {
				t.Fatal(err)
			}
			login := fmt.Sprintf(`{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":"x","access_token":%q,"refresh_token":%q,"account_id":"acc-4711"},"unknown":[1]}`,
				accessToken("old", time.Now().Add(c.left)), "first-"+apiKey)
			if err := os.WriteFile(auth, []byte(login), 0o644); err != nil {
				t.Fatal(err)
			}

			s := h.serve("--log-level", "debug")
			var eight []map[string]any
			for i := range sandboxes {
				eight = append(eight, job(fmt.Sprint("t", i), nil))
			}
			args := tasks("eight", eight...)
			args["concurrency"] = sandboxes
			call := s.start(args)
			s.until("a call of each sandbox", func() bool { return p.waitingNow() == sandboxes })
			inspected, api := "", docker(t)
			for _, id := range running(t.Context(), t, owner(s.cmd.Process.Pid)) {
				r, err := api.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				inspected += string(r.Raw)
			}
			close(p.release)
			for _, r := range call.result().Results {
				if r.Status != task.Success {
					t.Errorf("%s: %s %+v", r.TaskID, r.Status, r.Failure)
				}
			}
			s.stop()

			if len(p.refreshed) != 1 || p.refreshed[0]["refresh_reason"] != c.reason {
				t.Errorf("the token endpoint was asked %q", p.refreshed)
			}
			// Each sandbox makes two calls.
			if got := p.calls[`the new token of "acc-4711": 200`]; got != 2*sandboxes {
				t.Errorf("%d calls were let through of %v", got, p.calls)
			}
			if got := p.calls[`another token of "acc-4711": 401`]; got != c.refused || len(p.calls) > 2 {
				t.Errorf("%d calls were refused of %v", got, p.calls)
			}
			renewed(t, auth, p.access)

			heard := h.heard()
			for what, n := range map[string]int{"searched": sandboxes, "found decoy: /home/codex/decoy": sandboxes, "found key": 0} {
				if got := strings.Count(heard, what); got != n {
					t.Errorf("%d times %q, want %d:\n%s", got, what, n, heard)
				}
			}
			if n := strings.Count(inspected, "CODEX_HOME="); n != sandboxes {
				t.Errorf("%d containers were looked at", n)
			}
			for where, text := range map[string]string{"docker inspect": inspected, "what MCP said": s.wire.String(), "stderr": s.stderr.String()} {
				if strings.Contains(text, apiKey) {
					t.Errorf("a token is in %s", where)
				}
			}
			h.noKeyInFiles(t, h.state)
		})
	}
}

// renewed checks what the file has become: new tokens, the rest as it was, for its
// owner alone.
func renewed(t *testing.T, path, access string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("auth.json: %v %v", info, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var now struct {
		Tokens  map[string]string
		Unknown []int
		Last    string `json:"last_refresh"`
	}
	if err := json.Unmarshal(b, &now); err != nil {
		t.Fatal(err)
	}
	k := now.Tokens
	if k["access_token"] != access || k["refresh_token"] != "second-"+apiKey || k["id_token"] != "id-"+apiKey || k["account_id"] != "acc-4711" || len(now.Unknown) != 1 || now.Last == "" {
		t.Errorf("auth.json has become %s", b)
	}
}
