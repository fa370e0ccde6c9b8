package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// issuer is a token endpoint that lets every refresh token be used once.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	valid  string
	asked  []map[string]string
	status int
	access string
}

func newIssuer(t testing.TB, valid, access string) *issuer {
	i := &issuer{valid: valid, access: access}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost {
			t.Errorf("got %s, %v", r.Method, err)
		}
		i.asked = append(i.asked, body)
		switch {
		case i.status != 0:
			w.WriteHeader(i.status)
		case body["refresh_token"] != i.valid:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":"refresh_token_reused"}}`)
		default:
			i.valid = fmt.Sprintf("refresh-%d", len(i.asked)+1)
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"id_token":"i2"}`, i.access, i.valid)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) count() int { i.mu.Lock(); defer i.mu.Unlock(); return len(i.asked) }

// Eight gateways of eight processes find the token about to expire, many calls
// each: the provider is asked once, and everybody has the new token.
func TestManySandboxesMakeOneRefresh(t *testing.T) {
	for _, c := range []struct {
		name    string
		left    time.Duration
		refused bool
		reason  string
	}{
		{"before the token expires", 2 * time.Minute, false, "proactive_expiry"},
		{"after it has", -time.Hour, false, "proactive_expiry"},
		{"after a 401", time.Hour, true, "unauthorized_recovery"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, now := t.TempDir(), time.Now()
			old, fresh := jwt(now.Add(c.left), 1), jwt(now.Add(10*time.Hour), 2)
			path := writeAuth(t, dir, chatGPTAuth(old, "refresh-1"))
			i := newIssuer(t, "refresh-1", fresh)
			var refused *Grant
			if c.refused {
				refused = &Grant{Secret: old, ChatGPT: true, AccountID: "acc"}
			}
			var wg sync.WaitGroup
			for range 8 {
				// Each its own HostLogin, so that only the file's lock is between them.
				h := HostCredentials(env("CODEX_HOME", dir, refreshURLEnv, i.URL), "", nil, nil)
				for range 4 {
					wg.Go(func() {
						got, err := h.Grant(context.Background(), refused)
						if err != nil || got.Secret != fresh || got.AccountID != "acc" {
							t.Errorf("got another token, or %v", err)
						}
					})
				}
			}
			wg.Wait()
			want := []map[string]string{{"client_id": refreshClientID, "grant_type": "refresh_token", "refresh_reason": c.reason, "refresh_token": "refresh-1"}}
			if diff := cmp.Diff(want, i.asked); diff != "" {
				t.Errorf("the provider was asked (-want +got):\n%s", diff)
			}

			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantFile := decoded(t, []byte(chatGPTAuth(fresh, "refresh-2"))).(dict)
			wantFile["tokens"].(dict)["id_token"] = "i2"
			got := decoded(t, data).(dict)
			at, err := time.Parse(time.RFC3339Nano, got["last_refresh"].(string))
			if err != nil || at.Before(now.Add(-time.Minute)) {
				t.Errorf("last_refresh is %v", got["last_refresh"])
			}
			wantFile["last_refresh"] = got["last_refresh"]
			if diff := cmp.Diff(wantFile, got); diff != "" {
				t.Errorf("auth.json (-want +got):\n%s", diff)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("auth.json has mode %v, %v", info.Mode(), err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 2 { // the file and its lock
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

// Codex itself renews without our lock. Whoever was first, nobody is logged out.
func TestRefreshByCodexItselfIsNoticed(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	old, fresh := jwt(now.Add(-time.Hour), 1), jwt(now.Add(time.Hour), 2)
	writeAuth(t, dir, chatGPTAuth(old, "refresh-1"))
	i := newIssuer(t, "used up", fresh)
	i.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeAuth(t, dir, chatGPTAuth(fresh, "refresh-2")) // just now
		w.WriteHeader(http.StatusUnauthorized)
	})
	h := HostCredentials(env("CODEX_HOME", dir, refreshURLEnv, i.URL), "", nil, nil)
	got, err := h.Grant(context.Background(), nil)
	if err != nil || got.Secret != fresh {
		t.Errorf("got %v, want the token that Codex fetched", err)
	}
}

func TestRefreshThatFails(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name    string
		left    time.Duration
		refused bool
		status  int
		ok      bool // the old token is used
		refusal bool
	}{
		{"provider down, token still good", 2 * time.Minute, false, 503, true, false},
		{"provider down, token expired", -time.Minute, false, 503, false, false},
		{"provider down after a 401", time.Hour, true, 503, false, false},
		{"login expired", -time.Minute, false, 401, false, true},
		{"login expired, token still good", 2 * time.Minute, false, 400, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, old := t.TempDir(), jwt(now.Add(c.left), 1)
			before := chatGPTAuth(old, "refresh-1")
			path := writeAuth(t, dir, before)
			i := newIssuer(t, "refresh-1", "x")
			i.status = c.status
			h := HostCredentials(env("CODEX_HOME", dir, refreshURLEnv, i.URL), "", nil, nil)
			var refused *Grant
			if c.refused {
				refused = &Grant{Secret: old}
			}
			for range 3 {
				got, err := h.Grant(context.Background(), refused)
				var r *task.Refusal
				if (err == nil) != c.ok || errors.As(err, &r) != c.refusal || c.ok && got.Secret != old {
					t.Errorf("got %v", err)
				}
				if err != nil && strings.Contains(err.Error(), "refresh-1") {
					t.Errorf("the error shows the token: %v", err)
				}
			}
			if c.ok && i.count() != 1 {
				t.Errorf("the provider was asked %d times in a row", i.count())
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != before {
				t.Errorf("auth.json was changed: %v", err)
			}
		})
	}
}

// The provider has spent the old refresh token when it answers: a call that
// goes away in between must not lose the new one.
func TestRefreshOutlivesTheCallThatWantedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, now := t.TempDir(), time.Now()
		old, fresh := jwt(now, 1), jwt(now.Add(time.Hour), 2)
		path := writeAuth(t, dir, chatGPTAuth(old, "refresh-1"))
		ctx, cancel := context.WithCancel(context.Background())
		transport := upstreamFunc(func(r *http.Request) (*http.Response, error) {
			cancel()
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			answer := fmt.Sprintf(`{"access_token":%q,"refresh_token":"refresh-2"}`, fresh)
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
		})
		h := HostCredentials(env("CODEX_HOME", dir), "", transport, nil)
		if got, err := h.Grant(ctx, nil); err != nil || got.Secret != fresh {
			t.Errorf("got %v, want the new token", err)
		}
		if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), fresh) || !strings.Contains(string(data), "refresh-2") {
			t.Errorf("the new tokens are lost (%v)", err)
		}
	})
}

func TestTokenEndpointIsHeldToTheRules(t *testing.T) {
	dir := t.TempDir()
	writeAuth(t, dir, chatGPTAuth(jwt(time.Now().Add(-time.Hour), 1), "refresh-1"))
	h := HostCredentials(env("CODEX_HOME", dir, refreshURLEnv, "http://192.0.2.1/token"), "", upstreamFunc(func(*http.Request) (*http.Response, error) {
		t.Error("the refresh token went out in the clear")
		return nil, io.EOF
	}), nil)
	var r *task.Refusal
	if _, err := h.Grant(context.Background(), nil); !errors.As(err, &r) || r.Where != refreshURLEnv {
		t.Errorf("got %v, want a refusal", err)
	}
}

// A session asks again with a renewed login after a 401, once.
func TestUnauthorizedCallIsRepeatedOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		accept bool
		status int
		calls  int
	}{{"new token works", true, 200, 2}, {"new token is refused, too", false, 401, 2}} {
		t.Run(c.name, func(t *testing.T) {
			dir, now := t.TempDir(), time.Now()
			old, fresh := jwt(now.Add(time.Hour), 1), jwt(now.Add(time.Hour), 2)
			writeAuth(t, dir, chatGPTAuth(old, "refresh-1"))
			i := newIssuer(t, "refresh-1", fresh)
			var got []string
			r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
				data, _ := io.ReadAll(req.Body)
				got = append(got, req.Header.Get("Authorization")+" "+req.Header.Get("Chatgpt-Account-Id")+" "+req.Header.Get("Version")+" "+string(data))
				if !c.accept || req.Header.Get("Authorization") != "Bearer "+fresh {
					w.WriteHeader(401)
					_, _ = io.WriteString(w, req.Header.Get("Authorization"))
					return
				}
				sse(sseDone)(w, req)
			}, func(o *Options, _ *SessionOptions) {
				o.Credentials = HostCredentials(env("CODEX_HOME", dir, refreshURLEnv, i.URL), "", nil, nil)
			})
			status, answer := r.raw(post(goodBody, "User-Agent: codex_exec/0.169.0 (Debian)"))
			r.end()
			if status != c.status || strings.Contains(answer, fresh) || strings.Contains(answer, old) {
				t.Errorf("got %d %s", status, answer)
			}
			want := []string{"Bearer " + old + " acc 0.169.0 " + goodBody, "Bearer " + fresh + " acc 0.169.0 " + goodBody}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("upstream got (-want +got):\n%s", diff)
			}
			if report := r.session.Report(); report.LastStatus != c.status || report.Usage.ModelRequests != 1 {
				t.Errorf("got report %+v", report)
			}
		})
	}
}

// endless has another token every time.
type endless struct{ n *int }

func (e endless) Grant(context.Context, *Grant) (*Grant, error) {
	*e.n++
	return &Grant{Secret: fmt.Sprintf("token-%d", *e.n), ChatGPT: true}, nil
}
func (endless) Check(context.Context) error { return nil }

func TestUnauthorizedCallIsNotRepeatedTwice(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, func(o *Options, _ *SessionOptions) { o.Credentials = endless{new(int)} })
	if status, _ := r.raw(post(goodBody)); status != 401 || r.hits() != 2 {
		t.Errorf("got %d after %d calls, want 401 after 2", status, r.hits())
	}
}
