package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// seeded is a signer whose key the test knows, through the file that a user has.
func seeded(t testing.TB, seed byte) (*attest.Signer, ed25519.PrivateKey) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, attest.KeyFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := attest.OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func outcome() attest.Outcome {
	berlin := time.FixedZone("", 2*60*60)
	return attest.Outcome{
		Spec:          task.Spec{RunID: "r1", ID: "fix-sum", Prompt: "Fix it.", AllowedPaths: []string{"src/**"}},
		Started:       time.Date(2026, 5, 6, 9, 8, 9, 1_234_567, berlin),
		Finished:      time.Date(2026, 5, 6, 9, 9, 10, 0, berlin),
		BaseCommit:    "0123456789abcdef0123456789abcdef01234567",
		StartCommit:   "89abcdef0123456789abcdef0123456789abcdef",
		ImageID:       "sha256:" + strings.Repeat("ab", 32),
		Policies:      []attest.Resource{attest.Describe("policies/commands.json", []byte("{}"))},
		RunnerVersion: "v1.2.3", CodexVersion: "0.169.0",
		Verdict: task.Verdict{
			Status:  task.Failed,
			Failure: &task.Failure{Kind: task.FailRule, Message: "m"},
			Findings: []task.Finding{
				{Rule: "path-not-allowed", Evidence: "a"}, {Rule: "mode-change"}, {Rule: "path-not-allowed", Evidence: "b"},
			},
		},
		Patch: []byte("diff --git a/x b/x\n\xff\x00"),
	}
}

func sign(t testing.TB, s *attest.Signer, o attest.Outcome) []byte {
	t.Helper()
	b, err := s.Sign(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What other tools will read: the envelope and the statement in it.
func TestGolden(t *testing.T) {
	s, _ := seeded(t, 1)
	env := sign(t, s, outcome())
	var e struct{ Payload []byte }
	if err := json.Unmarshal(env, &e); err != nil {
		t.Fatal(err)
	}
	var statement bytes.Buffer
	if err := json.Indent(&statement, e.Payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"envelope.json": env, "statement.json": append(statement.Bytes(), '\n')} {
		golden.Check(t, name, got)
	}
}

func TestVerifyGivesWhatWasSigned(t *testing.T) {
	s, _ := seeded(t, 1)
	bare := outcome()
	bare.Patch, bare.ImageID, bare.Policies = nil, "", nil
	bare.Verdict = task.Verdict{Status: task.Success}
	withoutAlgorithm := outcome()
	withoutAlgorithm.ImageID = strings.Repeat("ab", 32)
	for name, o := range map[string]attest.Outcome{"full": outcome(), "bare": bare, "image id of another engine": withoutAlgorithm} {
		t.Run(name, func(t *testing.T) {
			spec := specDigest(t, o.Spec)
			want := attest.Statement{
				Type: attest.StatementType, PredicateType: attest.PredicateType,
				Subject: []attest.Resource{attest.Describe("task.patch", o.Patch)},
				Predicate: attest.Predicate{
					RunID: "r1", TaskID: "fix-sum",
					StartedOn:  time.Date(2026, 5, 6, 7, 8, 9, 1_000_000, time.UTC),
					FinishedOn: time.Date(2026, 5, 6, 7, 9, 10, 0, time.UTC),
					Base:       attest.Resource{Digest: map[string]string{"gitCommit": o.BaseCommit}},
					Start:      attest.Resource{Digest: map[string]string{"gitCommit": o.StartCommit}},
					Image:      &attest.Resource{Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}},
					Spec:       attest.Resource{Name: "spec", Digest: map[string]string{"sha256": spec}},
					Policies:   o.Policies, RunnerVersion: "v1.2.3", CodexVersion: "0.169.0",
					Status: task.Failed, FailureKind: task.FailRule, Findings: []string{"mode-change", "path-not-allowed"},
				},
			}
			if name == "bare" {
				p := &want.Predicate
				p.Image, p.Policies, p.Status, p.FailureKind, p.Findings = nil, []attest.Resource{}, task.Success, "", []string{}
			}
			other, _ := seeded(t, 2)
			got, err := attest.Verify(sign(t, s, o), o.Patch, other.Public(), s.Public())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func specDigest(t *testing.T, spec task.Spec) string {
	t.Helper()
	b, err := json.MarshalIndent(spec, "  ", "\t") // as in some file
	if err != nil {
		t.Fatal(err)
	}
	digest, err := attest.SpecDigest(b)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestTheDigestOfASpecIsThatOfItsText(t *testing.T) {
	o := outcome()
	o.Spec.Prompt, o.Spec.Limits.CPUs = "a blank, a \u2028, <&>, a byte \xff and what replaces it: \uFFFD", 0.1
	o.Spec.Env = map[string]string{"B": "\xc3", "A": ""}
	s, _ := seeded(t, 1)
	st, err := attest.Verify(sign(t, s, o), o.Patch, s.Public())
	if err != nil {
		t.Fatal(err)
	}
	attested := st.Predicate.Spec.Digest["sha256"]
	if got := specDigest(t, o.Spec); got != attested {
		t.Errorf("the stored spec has the digest %s, attested is %s", got, attested)
	}
	o.Spec.AllowedCommands = []string{"npm test"}
	if specDigest(t, o.Spec) == attested {
		t.Error("another spec has the same digest")
	}
	if _, err := attest.SpecDigest([]byte("{")); err == nil {
		t.Error("what is no JSON has a digest")
	}
}

func TestWhatCannotBeReadBackIsNotSigned(t *testing.T) {
	s, _ := seeded(t, 1)
	o := outcome()
	o.Verdict.Findings = []task.Finding{{Rule: strings.Repeat("x", attest.MaxEnvelope)}}
	if _, err := s.Sign(o); err == nil {
		t.Error("an attestation was made that is too large to read")
	}
	o = outcome()
	o.Finished = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := s.Sign(o); err == nil {
		t.Error("RFC 3339 has no year 10000")
	}
}

// FuzzSign: whatever the outcome, what was signed verifies, and with these
// bytes as a patch alone.
func FuzzSign(f *testing.F) {
	s, _ := seeded(f, 1)
	f.Add("r", "t", "sha256:ab", "rule", []byte("patch"), []byte(""))
	f.Add("\xff", "\\ufffd\uFFFD", "<&>\u2028", "\x00\"", []byte(""), []byte("\n"))
	f.Fuzz(func(t *testing.T, run, id, image, rule string, patch, other []byte) {
		o := outcome()
		o.Spec.RunID, o.Spec.ID, o.ImageID, o.Patch = run, id, image, patch
		o.Verdict.Findings = []task.Finding{{Rule: rule}}
		env, err := s.Sign(o)
		if err != nil {
			if len(run)+len(id)+len(image)+len(rule) < attest.MaxEnvelope/16 {
				t.Fatal(err)
			}
			return
		}
		st, err := attest.Verify(env, patch, s.Public())
		if err != nil {
			t.Fatalf("what was just signed: %v\n%s", err, env)
		}
		if want := toUTF8(id); st.Predicate.TaskID != want {
			t.Errorf("task %q became %q", want, st.Predicate.TaskID)
		}
		if _, err := attest.Verify(env, other, s.Public()); !bytes.Equal(patch, other) && !errors.Is(err, attest.ErrDigestMismatch) {
			t.Errorf("another patch: %v", err)
		}
	})
}

// toUTF8 replaces each byte that is not UTF-8, as encoding/json does.
func toUTF8(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}
