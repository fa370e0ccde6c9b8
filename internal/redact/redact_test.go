package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func secrets(t testing.TB, known ...Known) *Secrets {
	t.Helper()
	s, err := NewSecrets(known...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Parts keep what looks like a credential out of this file.
var (
	body40 = "aB3" + strings.Repeat("x", 37)
	jwt    = "eyJ" + "hbGciOiJIUzI1NiJ9" + "." + "eyJ" + "zdWIiOiIxIn0" + "." + "c2lnbmF0dXJl"
	pem    = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789abcdef\n0123456789/+==\n-----END RSA " + "PRIVATE KEY-----"
)

func TestPatterns(t *testing.T) {
	s := secrets(t)
	for _, c := range []struct{ in, want string }{
		{"key sk-" + body40 + " end", "key [REDACTED:api-key] end"},
		{"sk-proj-" + body40 + "_-x\n", "[REDACTED:openai-key]\n"},
		{"sk-ant-" + "api03-" + body40, "[REDACTED:anthropic-key]"},
		{"ghp_" + body40, "[REDACTED:github-token]"},
		{"xghp_" + body40, "x[REDACTED:github-token]"},
		{"github_pat_" + body40, "[REDACTED:github-token]"},
		{"glpat-" + body40, "[REDACTED:gitlab-token]"},
		{"AKIA" + "ABCDEFGHIJKLMNOP.", "[REDACTED:aws-access-key]."},
		{"xoxb-" + "1234567890-abcdef", "[REDACTED:slack-token]"},
		{"npm_" + body40, "[REDACTED:npm-token]"},
		{"a " + jwt + ", b", "a [REDACTED:jwt], b"},
		{"Authorization: Bearer abc123def456ghi789.-_~+/=x\r\n", "Authorization: Bearer [REDACTED:bearer]\r\n"},
		{"Authorization: Bearer " + jwt + "\n", "Authorization: Bearer [REDACTED:bearer]\n"},
		{"authorization: Basic dXNlcjpwYXNz\n", "authorization: Basic [REDACTED:basic-auth]\n"},
		{"a\n" + pem + "\nb\n", "a\n[REDACTED:private-key]\nb\n"},
		{strings.ReplaceAll("+"+pem+"\n b", "\n", "\n+"), "+[REDACTED:private-key]\n+ b"},
		{"{\"k\":\"" + strings.ReplaceAll(pem, "\n", `\n`) + "\\n\"}", "{\"k\":\"[REDACTED:private-key]\\n\"}"},
		{"{\"k\":\"{\\\"k\\\":\\\"" + strings.ReplaceAll(pem, "\n", `\\n`) + "\\\"}\"}", "{\"k\":\"{\\\"k\\\":\\\"[REDACTED:private-key]\\\"}\"}"},
		{`{"o":"a\nghp_` + body40 + `\n"}`, `{"o":"a\n[REDACTED:github-token]\n"}`},
		{`{"o":"a\nsk-` + body40 + `\n"}`, `{"o":"a\n[REDACTED:api-key]\n"}`},
		{`{"o":"\u001bsk-` + body40 + `"}`, `{"o":"\u001b[REDACTED:api-key]"}`},
		// A newline, then "pm_": valid JSON goes first.
		{`{"o":"a\npm_` + body40 + `"}`, `{"o":"a\n[REDACTED:npm-token]"}`},

		{"task-list sk-estimator-doc-link-container", ""},
		{"risk-" + body40, ""},
		{"AKIASHORT xAKIAABCDEFGHIJKLMNOP", ""},
		{"the bearer authentication-mechanism", ""},
		{"Bearer $TOKEN", ""},
		{"eyJhbGciOiJIUzI1NiJ9 alone", ""},
		{`strings.Contains(s, "-----BEGIN ` + `PRIVATE KEY-----")`, ""},
		{"-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA0123456789abcdef\n-----END CERTIFICATE-----", ""},
		{"ghp_short", ""},
		{"\x00\xff\xfe é \r\n", ""},
		{"", ""},
	} {
		if c.want == "" {
			c.want = c.in
		}
		if got := s.String(c.in); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

const value = `k3y/with+odd "chars"\and&more?=é`

func TestKnownValuesAreHiddenInEveryForm(t *testing.T) {
	s := secrets(t, Known{"codex-api-key", value}, Known{"Other Key", "plainvalue123"}, Known{"short", "abc"}, Known{"none", ""})
	once, _ := json.Marshal(value)
	twice, _ := json.Marshal(string(once))
	for name, text := range map[string]string{
		"as it is": value, "JSON": string(once), "JSON in JSON": string(twice),
		"query": url.QueryEscape(value), "path": url.PathEscape(value), "hex": hex.EncodeToString([]byte(value)),
		"base64": base64.StdEncoding.EncodeToString([]byte(value)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(value)),
		"basic auth": base64.StdEncoding.EncodeToString([]byte("user:" + value)),
		"base64 + 1": base64.StdEncoding.EncodeToString([]byte("x" + value + "tail")), "base64 + 2": base64.StdEncoding.EncodeToString([]byte("xx" + value + "y")),
	} {
		got := s.String("a " + text + " b")
		if !strings.Contains(got, "[REDACTED:codex-api-key]") || len(got) > len("a [REDACTED:codex-api-key] b")+12 {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	if got, want := s.String("xplainvalue123y abc"), "x[REDACTED:other-key]y abc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAKnownValueGoesBeforeAPattern(t *testing.T) {
	s := secrets(t, Known{"key", "sk-proj-" + body40})
	if got, want := s.String("sk-proj-"+body40+" sk-proj-y"+body40), "[REDACTED:key] [REDACTED:openai-key]"; got != want {
		t.Errorf("got %q", got)
	}
	// One that begins inside a pattern's secret and goes beyond it.
	s = secrets(t, Known{"key", "tail!tail!tail"})
	if got, want := s.String("ghp_"+body40+"tail!tail!tail."), "[REDACTED:github-token]."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestALineComesOutWithItsNewline(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, secrets(t, Known{"key", "secretsecret"}))
	write := func(s, want string) {
		t.Helper()
		out.Reset()
		if n, err := io.WriteString(w, s); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
		if got := out.String(); got != want {
			t.Errorf("after %q: %q came out, want %q", s, got, want)
		}
	}
	write("hello\n", "hello\n")
	write("secr", "")
	write("ets", "")
	write("!\n", "secrets!\n")
	write("secretsec", "")
	write("ret\n", "[REDACTED:key]\n")
	write("ghp_\n", "ghp_\n")
	write("-----BEGIN RSA PRIV", "")
	write("ATE KEY-----\n", "")
	write("MIIEpAIBAAKCAQEA0123456789abcdef\n", "[REDACTED:private-key]")
	write("more\n", "")
	write("-----END RSA PRIVATE KEY-----\nafter\n", "\nafter\n")
	write("sk-", "")
	if err := w.Close(); err != nil || out.String() != "sk-" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := secrets(t, Known{"key", strings.Repeat("k", 5000)})
	for name, unit := range map[string]string{
		"a token without end": "ghp_" + body40, "a key without end": pem[:60], "starts of keys": "-----BEGIN ", "starts of JWTs": "eyJ",
		"starts of a known value": "k", "backslashes": `\`, "zeros": "\x00", "labels": "-----BEGIN RSA PRIVATE KEY-----\\n",
	} {
		w := New(io.Discard, s)
		for range 200 {
			if _, err := io.WriteString(w, strings.Repeat(unit, 200)); err != nil {
				t.Fatal(err)
			}
			if len(w.buf) > 8<<10 {
				t.Fatalf("%s: %d bytes are held", name, len(w.buf))
			}
		}
	}
	// A key that never ends does not swallow the rest of the text.
	if got := s.String(pem[:60] + strings.Repeat("A", 2*maxPEM) + "!"); len(got) < maxPEM/2 {
		t.Errorf("%d bytes are left", len(got))
	}
}

func TestFind(t *testing.T) {
	s := secrets(t, Known{"key", "secretsecret"})
	got, _ := s.Find([]byte("one\n+token = ghp_" + body40 + "\n\n" + pem + "\nsecretsecret secretsecret"))
	want := []Match{{"github-token", 2}, {"private-key", 4}, {"key", 8}, {"key", 8}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, complete := s.Find([]byte("nothing")); got != nil || !complete {
		t.Errorf("got %v, complete: %t", got, complete)
	}
}

type broken struct{ n int }

func (b *broken) Write(p []byte) (int, error) {
	b.n++
	return 0, errors.New("full")
}

func TestAFailingWriterIsToldAndNotAskedAgain(t *testing.T) {
	b := &broken{}
	w := New(b, secrets(t))
	for range 3 {
		if _, err := w.Write([]byte("hello\n")); err == nil || err.Error() != "full" {
			t.Errorf("got %v", err)
		}
	}
	if err := w.Close(); err == nil || b.n != 1 {
		t.Errorf("got %v after %d writes", err, b.n)
	}
}

// However the text is cut, the result is the same, holds no known value, and
// JSON stays JSON.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("a secretsecret b"), "secretsecret", uint16(3))
	f.Add([]byte(`{"a":"x\nsecretsecret"}`), "nsecretsecret", uint16(1))
	f.Add([]byte(`{"a":"x\u00e9secret1"}`), "00e9secret1", uint16(2))
	f.Add([]byte(`{"a":"tail1234\\\""}`), `tail1234\`, uint16(5))
	f.Add([]byte(`{"k":"`+strings.ReplaceAll(pem, "\n", `\n`)+`"}`), "12345678", uint16(7))
	f.Add([]byte(pem+jwt+"ghp_"+body40+"Bearer "+body40), "Bearer aB3", uint16(9))
	f.Add([]byte("\\\\\\\\\\\\\\\\\\\\\\uuuuuuuuu"), "uuuuuuuu", uint16(1))
	f.Fuzz(func(t *testing.T, text []byte, known string, cut uint16) {
		s := secrets(t, Known{"key", known})
		want := s.stream(text)
		var out bytes.Buffer
		w := New(&out, s)
		seed := uint32(cut) + 1
		for rest := text; len(rest) > 0; {
			seed = seed*1664525 + 1013904223
			n := min(len(rest), 1+int(seed>>24)%(1+int(cut)%64))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, out.Bytes()) {
			t.Errorf("at once %q, cut %q", want, out.Bytes())
		}
		// A value made of the replacement's own letters cannot be told from it.
		if len(known) >= minKnown && !strings.ContainsAny(known, "[:]") && !strings.Contains("REDACTED", known) && bytes.Contains(want, []byte(known)) {
			t.Errorf("%q survives in %q", known, want)
		}
		// A value with a quote in it may reach from one JSON string into the next.
		if json.Valid(text) && !strings.ContainsAny(known, "\"{}[],: \n\r\t") && strings.Trim(known, "0123456789.-+eEtrufalsn") != "" && !json.Valid(want) {
			t.Errorf("%q became %q", text, want)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	line := `{"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"/bin/bash -lc 'npm test'","aggregated_output":"ok 1 - the quick brown fox asks for a disk\n","exit_code":0}}` + "\n"
	text := []byte(strings.Repeat(line, 5000))
	for _, n := range []int{0, 4} {
		var known []Known
		for i := range n {
			known = append(known, Known{"key", fmt.Sprintf("secret-value-%d-%s", i, body40)})
		}
		s := secrets(b, known...)
		b.Run(fmt.Sprintf("known=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				w := New(io.Discard, s)
				if _, err := w.Write(text); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
