package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// Random bytes rarely hold a secret, so here texts are put together from what
// matters: whole and broken secrets, escapes, quotes.
func FuzzComposed(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		letters := []string{"n", "u", "0", "e", "s", "k", "-", `\`, "/", "+", "é", "g", "h", "p", "_", "=", "%", "b", "f", "t", "<", "\x01"}
		var value strings.Builder
		for value.Len() < minKnown {
			value.WriteString(letters[r.IntN(len(letters))])
		}
		known := value.String()
		pieces := []string{
			known, known, known[:r.IntN(len(known))], known[r.IntN(len(known)):], inJSON(known, true),
			base64.StdEncoding.EncodeToString([]byte(known)), `\`, `\\`, "\n", "\"", "u", "\\u", "0", "00e9", "n", " ", "a", "é",
			"ghp_", "ghp_" + body40, "sk-", "sk-" + body40, "eyJ", jwt, jwt[:12], "Bearer ", body40, pem, pem[:40], pem[20:60],
			"-----", "-----BEGIN ", "-----END ", "-----END RSA PRIVATE KEY-----", strings.Repeat("k", 70),
		}
		compose := func() string {
			var b strings.Builder
			for range 1 + r.IntN(8) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			return b.String()
		}
		text := []byte(compose())
		isJSON := r.IntN(2) == 0
		if isJSON {
			inner, err := json.Marshal(compose())
			if err != nil {
				t.Fatal(err)
			}
			text, err = json.Marshal(map[string]string{"a": compose(), "b": string(inner)})
			if err != nil {
				t.Fatal(err)
			}
		}
		s := secrets(t, Known{"key", known})
		want := s.stream(text)
		var out bytes.Buffer
		w := New(&out, s)
		for rest := text; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1+r.IntN(20)))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, out.Bytes()) {
			t.Errorf("%q: at once %q, cut %q", text, want, out.Bytes())
		}
		for _, form := range []string{known, inJSON(known, true), inJSON(known, false), inJSON(inJSON(known, true), true)} {
			if bytes.Contains(want, []byte(form)) {
				t.Errorf("%q survives: %q became %q", known, text, want)
			}
		}
		if isJSON && !json.Valid(want) {
			t.Errorf("with %q, %q became %q", known, text, want)
		}
	})
}
