package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// jwt is an access token that expires at the given time; n tells it from others.
func jwt(expires time.Time, n int) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"n":%d}`, expires.Unix(), n)) + "." + part("signature")
}

func env(pairs ...string) func(string) string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func writeAuth(t testing.TB, dir, content string) string {
	t.Helper()
	path := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func chatGPTAuth(access, refresh string) string {
	return fmt.Sprintf(`{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":"i","access_token":%q,"refresh_token":%q,"account_id":"acc","later":[1.50]},"last_refresh":"2026-01-01T00:00:00Z","agent_identity":{"big":12345678901234567890}}`, access, refresh)
}

func TestWhichLoginIsUsed(t *testing.T) {
	now := time.Now()
	token := jwt(now.Add(time.Hour), 1)
	for _, c := range []struct {
		name, env, auth string
		want            Grant
	}{
		{"key in the environment", " key-from-env\n", chatGPTAuth(token, "r"), Grant{Secret: "key-from-env"}},
		{"key of codex login", "", `{"auth_mode":"apikey","OPENAI_API_KEY":"key-from-file"}`, Grant{Secret: "key-from-file"}},
		{"key of an older codex login", "", `{"OPENAI_API_KEY":"key-from-file"}`, Grant{Secret: "key-from-file"}},
		{"ChatGPT", "", chatGPTAuth(token, "r"), Grant{Secret: token, AccountID: "acc", ChatGPT: true}},
		{"ChatGPT beside an unused key", "", strings.Replace(chatGPTAuth(token, "r"), "null", `"unused"`, 1), Grant{Secret: token, AccountID: "acc", ChatGPT: true}},
		{"empty variable", "  ", `{"OPENAI_API_KEY":"key-from-file"}`, Grant{Secret: "key-from-file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeAuth(t, dir, c.auth)
			h := HostCredentials(env("CODEX_API_KEY", c.env, "CODEX_HOME", dir), "/nowhere", nil, nil)
			if err := h.Check(context.Background()); err != nil {
				t.Fatal(err)
			}
			got, err := h.Grant(context.Background(), nil)
			if err != nil || *got != c.want {
				t.Errorf("got %+v, %v, want %+v", struct{ s, a string }{got.Secret, got.AccountID}, err, struct{ s, a string }{c.want.Secret, c.want.AccountID})
			}
		})
	}
	t.Run("from the home directory", func(t *testing.T) {
		home := t.TempDir()
		if err := os.Mkdir(filepath.Join(home, ".codex"), 0o700); err != nil {
			t.Fatal(err)
		}
		writeAuth(t, filepath.Join(home, ".codex"), `{"OPENAI_API_KEY":"key-from-file"}`)
		got, err := HostCredentials(env(), home, nil, nil).Grant(context.Background(), nil)
		if err != nil || got.Secret != "key-from-file" {
			t.Errorf("got %v", err)
		}
	})
}

func TestUnusableLoginsAreRefusals(t *testing.T) {
	const secret = "sk-very-secret"
	for name, prepare := range map[string]func(t *testing.T, path string){
		"none":         func(*testing.T, string) {},
		"empty":        func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), "") },
		"not JSON":     func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `{"OPENAI_API_KEY":"`+secret+`"`) },
		"array":        func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `["`+secret+`"]`) },
		"null":         func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `null`) },
		"wrong type":   func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `{"OPENAI_API_KEY":["`+secret+`"]}`) },
		"wrong tokens": func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `{"tokens":"`+secret+`"}`) },
		"no tokens": func(t *testing.T, p string) {
			writeAuth(t, filepath.Dir(p), `{"auth_mode":"chatgpt","OPENAI_API_KEY":"`+secret+`"}`)
		},
		"no key":     func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `{"auth_mode":"apikey"}`) },
		"other kind": func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), `{"auth_mode":"agent_identity"}`) },
		"header in key": func(t *testing.T, p string) {
			writeAuth(t, filepath.Dir(p), `{"OPENAI_API_KEY":"`+secret+`\r\nHost: evil"}`)
		},
		"huge": func(t *testing.T, p string) { writeAuth(t, filepath.Dir(p), strings.Repeat(" ", maxAuthFile+1)) },
		"symlink": func(t *testing.T, p string) {
			target := writeAuth(t, t.TempDir(), `{"OPENAI_API_KEY":"`+secret+`"}`)
			if err := os.Symlink(target, p); err != nil {
				t.Fatal(err)
			}
		},
		"directory": func(t *testing.T, p string) {
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "auth.json")
			prepare(t, path)
			h := HostCredentials(env("CODEX_HOME", filepath.Dir(path)), "", nil, nil)
			err := h.Check(context.Background())
			var r *task.Refusal
			if !errors.As(err, &r) || r.What == "" || r.Mend == "" {
				t.Fatalf("got %v, want a refusal with a mend", err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if _, err := h.Grant(context.Background(), nil); !errors.As(err, &r) {
				t.Errorf("Grant: got %v, want a refusal", err)
			}
		})
	}
	err := HostCredentials(env(), t.TempDir(), nil, nil).Check(context.Background())
	if want := `There is no login for the model API. Set CODEX_API_KEY or run "codex login".`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Unknown content neither breaks the reader nor gets lost.
func FuzzAuthFile(f *testing.F) {
	f.Add([]byte(chatGPTAuth(jwt(time.Unix(1, 0), 1), "r")))
	f.Add([]byte(`{"OPENAI_API_KEY":"k"}`))
	f.Add([]byte(`{"tokens":{"access_token":"a.e30.c"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := writeAuth(t, t.TempDir(), string(content))
		a, err := readAuthFile(path)
		if err != nil {
			var r *task.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("got %v, want a refusal", err)
			}
			return
		}
		_ = a.expiry()
		if !a.chatGPT {
			return
		}
		data, err := a.renewed(map[string]string{"access_token": "new"}, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(content, &before) != nil || json.Unmarshal(data, &after) != nil {
			t.Fatalf("wrote %s for %s", data, content)
		}
		for name := range before {
			if _, ok := after[name]; !ok {
				t.Fatalf("lost %q", name)
			}
		}
		again, err := readAuthFile(writeAuth(t, t.TempDir(), string(data)))
		if err != nil || again.access != "new" || again.refresh != a.refresh || again.account != a.account {
			t.Fatalf("cannot read back %s: %v", data, err)
		}
	})
}
