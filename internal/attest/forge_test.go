package attest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
)

// reference lets the DSSE project's own implementation sign and verify.
type reference struct{ key ed25519.PrivateKey }

func (r reference) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(r.key, data), nil
}

func (r reference) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(r.public(), data, sig) {
		return errors.New("bad signature")
	}
	return nil
}

func (r reference) public() ed25519.PublicKey { return r.key.Public().(ed25519.PublicKey) }

func (r reference) Public() crypto.PublicKey { return r.public() }

func (r reference) KeyID() (string, error) { return attest.KeyID(r.public()), nil }

// envelope is the reference implementation's, in our spelling.
func (r reference) envelope(t testing.TB, payloadType string, payload []byte) []byte {
	t.Helper()
	signer, err := dsse.NewEnvelopeSigner(r)
	if err != nil {
		t.Fatal(err)
	}
	e, err := signer.SignPayload(t.Context(), payloadType, payload)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// payload takes the statement out of an envelope.
func payload(t testing.TB, env []byte) []byte {
	t.Helper()
	var e struct{ Payload []byte }
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	return e.Payload
}

// The example of DSSE's protocol.md.
func TestPAE(t *testing.T) {
	got := attest.PAE("http://example.com/HelloWorld", []byte("hello world"))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if bytes.Equal(attest.PAE("a", []byte("b 1 c")), attest.PAE("a 5 b", []byte("c"))) {
		t.Error("type and body can be confused")
	}
}

func TestTheReferenceImplementationAgrees(t *testing.T) {
	s, key := seeded(t, 1)
	env := sign(t, s, outcome())
	if diff := string(reference{key}.envelope(t, attest.PayloadType, payload(t, env))); diff != string(env) {
		t.Errorf("it signs\n%s\nand we\n%s", diff, env)
	}
	verifier, err := dsse.NewEnvelopeVerifier(reference{key})
	if err != nil {
		t.Fatal(err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), &e); err != nil {
		t.Errorf("it does not accept what we sign: %v", err)
	}
}

// Every single byte of the envelope, changed, dropped or doubled.
func TestNoByteOfTheEnvelopeCanBeChanged(t *testing.T) {
	s, _ := seeded(t, 1)
	o := outcome()
	env := sign(t, s, o)
	for i := range env {
		forged := [][]byte{
			bytes.Join([][]byte{env[:i], env[i+1:]}, nil),
			bytes.Join([][]byte{env[:i], env[i:]}, []byte{env[i]}),
			bytes.Join([][]byte{env[:i], env[i:]}, []byte{' '}),
			bytes.Join([][]byte{env[:i], env[i:]}, []byte{'\n'}),
		}
		for _, bit := range []byte{1, 32, 128} { // neighbour, other case, no ASCII
			b := bytes.Clone(env)
			b[i] ^= bit
			forged = append(forged, b)
		}
		for _, b := range forged {
			if bytes.Equal(b, env) {
				t.Fatalf("the test changes nothing at %d", i)
			}
			if _, err := attest.Verify(b, o.Patch, s.Public()); err == nil {
				t.Fatalf("byte %d: accepted\n%s", i, b)
			}
		}
	}
}

// A bit in every byte of the statement, in an envelope that is well-formed all the same.
func TestNoByteOfTheStatementCanBeChanged(t *testing.T) {
	s, _ := seeded(t, 1)
	o := outcome()
	env := sign(t, s, o)
	body := payload(t, env)
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1 << (i % 8)
		forged := bytes.Replace(env, b64(body), b64(changed), 1)
		if _, err := attest.Verify(forged, o.Patch, s.Public()); !errors.Is(err, attest.ErrBadSignature) {
			t.Fatalf("byte %d of the statement: %v", i, err)
		}
	}
}

func b64(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }

func TestNoByteOfThePatchCanBeChanged(t *testing.T) {
	s, _ := seeded(t, 1)
	o := outcome()
	env := sign(t, s, o)
	patches := [][]byte{nil, append(bytes.Clone(o.Patch), 0), o.Patch[1:], bytes.ReplaceAll(o.Patch, []byte("\n"), []byte("\r\n"))}
	for i := range o.Patch {
		b := bytes.Clone(o.Patch)
		b[i] ^= 1
		patches = append(patches, b)
	}
	for _, p := range patches {
		if st, err := attest.Verify(env, p, s.Public()); !errors.Is(err, attest.ErrDigestMismatch) || st.Predicate.TaskID != "fix-sum" {
			t.Errorf("%q: %v, about task %q", p, err, st.Predicate.TaskID)
		}
	}
	o.Patch = nil
	if _, err := attest.Verify(sign(t, s, o), []byte("\n"), s.Public()); !errors.Is(err, attest.ErrDigestMismatch) {
		t.Errorf("a patch for a task that changed nothing: %v", err)
	}
}

func TestForgeries(t *testing.T) {
	s, key := seeded(t, 1)
	stranger, strangersKey := seeded(t, 2)
	o := outcome()
	env := sign(t, s, o)
	body := payload(t, env)
	claimed := strings.Replace(string(sign(t, stranger, o)), stranger.KeyID(), s.KeyID(), 1)
	sig := string(env[bytes.Index(env, []byte(`{"keyid"`)) : bytes.LastIndexByte(env, '}')-1])
	edit := func(old, repl string) string {
		t.Helper()
		forged := strings.Replace(string(env), old, repl, 1)
		if forged == string(env) {
			t.Fatalf("%q is not in the envelope", old)
		}
		return forged
	}
	// resigned holds a statement that the real key signed, but that we would not write.
	resigned := func(old, repl string) string {
		t.Helper()
		b := strings.Replace(string(body), old, repl, 1)
		if b == string(body) {
			t.Fatalf("%q is not in the statement", old)
		}
		return string(reference{key}.envelope(t, attest.PayloadType, []byte(b)))
	}
	digest := attest.Describe("", o.Patch).Digest["sha256"]

	for name, c := range map[string]struct {
		env  string
		want error
	}{
		"a stranger's key":               {string(sign(t, stranger, o)), attest.ErrUnknownKey},
		"a stranger's key under our id":  {claimed, attest.ErrBadSignature},
		"another id":                     {edit(s.KeyID(), stranger.KeyID()), attest.ErrUnknownKey},
		"no id":                          {edit(s.KeyID(), ""), attest.ErrUnknownKey},
		"an id in upper case":            {edit(s.KeyID(), strings.ToUpper(s.KeyID())), attest.ErrUnknownKey},
		"the body signed without PAE":    {edit(string(signatureOf(t, env)), string(b64(ed25519.Sign(key, body)))), attest.ErrBadSignature},
		"signature for another type":     {strings.Replace(string(reference{key}.envelope(t, "text/plain", body)), "text/plain", attest.PayloadType, 1), attest.ErrBadSignature},
		"a short signature":              {edit(string(signatureOf(t, env)), "AAAA"), attest.ErrBadSignature},
		"an empty signature":             {edit(string(signatureOf(t, env)), ""), attest.ErrBadSignature},
		"another payload type":           {string(reference{key}.envelope(t, "text/plain", body)), attest.ErrMalformed},
		"no signatures":                  {edit(sig, ""), attest.ErrMalformed},
		"null signatures":                {edit("["+sig+"]", "null"), attest.ErrMalformed},
		"two signatures":                 {edit(sig, sig+","+sig), attest.ErrMalformed},
		"a second, bad signature":        {edit(sig, sig+`,{"keyid":"x","sig":"AAAA"}`), attest.ErrMalformed},
		"duplicate payload":              {edit(`"payload":`, `"payload":"e30=","payload":`), attest.ErrMalformed},
		"duplicate key in another case":  {edit(`"signatures"`, `"Payload":"e30=","signatures"`), attest.ErrMalformed},
		"a key in another case":          {edit(`"payload":`, `"Payload":`), attest.ErrMalformed},
		"an escaped key":                 {edit(`"payload":`, `"\u0070ayload":`), attest.ErrMalformed},
		"an unknown key":                 {edit(`{"payloadType"`, `{"x":1,"payloadType"`), attest.ErrMalformed},
		"keys in another order":          {edit(`"payloadType":"`+attest.PayloadType+`",`, ``), attest.ErrMalformed},
		"base64 with a line end":         {edit(`"payload":"`, `"payload":"\n`), attest.ErrMalformed},
		"base64 for URLs":                {edit(`"sig":"`, `"sig":"-_`), attest.ErrMalformed},
		"trailing data":                  {string(env) + "{}\n", attest.ErrMalformed},
		"trailing blank":                 {strings.TrimSpace(string(env)) + " \n", attest.ErrMalformed},
		"two envelopes":                  {string(env) + string(env), attest.ErrMalformed},
		"a byte order mark":              {"\ufeff" + string(env), attest.ErrMalformed},
		"no line end":                    {strings.TrimSpace(string(env)), attest.ErrMalformed},
		"nothing":                        {"", attest.ErrMalformed},
		"null":                           {"null\n", attest.ErrMalformed},
		"an array":                       {"[]\n", attest.ErrMalformed},
		"deep":                           {strings.Repeat("[", 1<<19) + "\n", attest.ErrMalformed},
		"too large":                      {string(env) + strings.Repeat(" ", attest.MaxEnvelope), attest.ErrMalformed},
		"signed: no statement":           {string(reference{key}.envelope(t, attest.PayloadType, []byte("null"))), attest.ErrMalformed},
		"signed: another statement type": {resigned("Statement/v1", "Statement/v0.1"), attest.ErrMalformed},
		"signed: another predicate type": {resigned("task-outcome/v1", "task-outcome/v2"), attest.ErrMalformed},
		"signed: too large":              {resigned(`"mode-change"`, `"`+strings.Repeat("x", attest.MaxEnvelope)+`"`), attest.ErrMalformed},
		"signed: another subject":        {resigned(`"task.patch"`, `"other.patch"`), attest.ErrMalformed},
		"signed: no subject":             {resigned(`[{"name":"task.patch","digest":{"sha256":"`+digest+`"}}]`, `[]`), attest.ErrMalformed},
		"signed: a subject more":         {resigned(`"subject":[`, `"subject":[{"digest":{}},`), attest.ErrMalformed},
		"signed: no digest":              {resigned(`{"sha256":"`+digest+`"}`, `{}`), attest.ErrMalformed},
		"signed: a weaker digest":        {resigned(`"sha256":"`+digest, `"md5":"`+digest), attest.ErrDigestMismatch},
		"signed: a digest more":          {resigned(`"sha256":"`+digest, `"md5":"x","sha256":"`+digest), attest.ErrMalformed},
		"signed: a doubled digest":       {resigned(`"sha256":"`+digest, `"sha256":"x","sha256":"`+digest), attest.ErrMalformed},
		"signed: a doubled status":       {resigned(`"status":"failed"`, `"status":"success","status":"failed"`), attest.ErrMalformed},
		"signed: an unknown field":       {resigned(`"runId"`, `"trust":true,"runId"`), attest.ErrMalformed},
		"signed: blanks":                 {resigned(`,"predicate"`, `, "predicate"`), attest.ErrMalformed},
		"signed: a local time":           {resigned(`Z"`, `+00:00"`), attest.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := attest.Verify([]byte(c.env), o.Patch, s.Public())
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if len(err.Error()) > 600 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if !errors.Is(c.want, attest.ErrDigestMismatch) && st.Type != "" {
				t.Error("a statement comes along")
			}
		})
	}
	if _, err := attest.Verify(env, o.Patch); !errors.Is(err, attest.ErrUnknownKey) {
		t.Errorf("no keys: %v", err)
	}
	short := stranger.Public()[:3]
	if _, err := attest.Verify([]byte(strings.Replace(string(env), s.KeyID(), attest.KeyID(short), 1)), o.Patch, short); !errors.Is(err, attest.ErrBadSignature) {
		t.Errorf("a key that is none: %v", err)
	}
	if _, err := attest.Verify(reference{strangersKey}.envelope(t, attest.PayloadType, body), o.Patch, s.Public(), stranger.Public()); err != nil {
		t.Errorf("a second key that is trusted: %v", err)
	}
}

func signatureOf(t testing.TB, env []byte) []byte {
	t.Helper()
	var e dsse.Envelope
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	return []byte(e.Signatures[0].Sig)
}

// FuzzVerify: of all envelopes and patches, the signed pair alone passes, and
// every error is one that callers know.
func FuzzVerify(f *testing.F) {
	s, _ := seeded(f, 1)
	o := outcome()
	env := sign(f, s, o)
	f.Add(env, o.Patch)
	f.Add(env, []byte{})
	f.Add([]byte("{}\n"), o.Patch)
	f.Add(fmt.Appendf(nil, `{"payloadType":%q,"payload":"e30=","signatures":[{"keyid":%q,"sig":""}]}`+"\n", attest.PayloadType, s.KeyID()), o.Patch)
	f.Fuzz(func(t *testing.T, b, patch []byte) {
		_, err := attest.Verify(b, patch, s.Public())
		genuine := bytes.Equal(b, env) && bytes.Equal(patch, o.Patch)
		switch {
		case genuine != (err == nil):
			t.Fatalf("genuine: %t, error: %v", genuine, err)
		case err == nil, errors.Is(err, attest.ErrMalformed), errors.Is(err, attest.ErrUnknownKey),
			errors.Is(err, attest.ErrBadSignature), errors.Is(err, attest.ErrDigestMismatch):
		default:
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}
