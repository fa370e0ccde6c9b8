package validate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/redact"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/validate"
)

const (
	login = "the-login-of-this-host-0123456789"
	body  = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
)

// token looks like a secret; put together so that nobody's scanner stumbles on it.
var token = "ghp_" + strings.Repeat("a1", 18)

func secretsIn(t *testing.T, c task.Changes) []string {
	t.Helper()
	known, err := redact.NewSecrets(redact.Known{Name: "login", Value: login})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range validate.Secrets(c, func(text []byte) (found []validate.Secret, complete bool) {
		all, complete := known.Find(text)
		for _, m := range all {
			found = append(found, validate.Secret{Rule: m.Rule, Line: m.Line, Known: m.Rule == "login"})
		}
		return found, complete
	}) {
		where, _, _ := strings.Cut(f.Detail, " of the patch")
		all = append(all, string(f.Severity)+" "+f.Evidence+" "+where)
		if strings.Contains(f.Detail+f.Evidence, login) || strings.Contains(f.Detail+f.Evidence, token) {
			t.Errorf("the finding tells the secret: %+v", f)
		}
	}
	return all
}

func TestOnlyWhatAPatchBringsIsASecretInIt(t *testing.T) {
	const head = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,9 +1,9 @@\n" // the hunk begins in line 5
	for _, c := range []struct {
		name, hunk string
		want       []string
	}{
		{"added", " x\n+" + token + "\n", []string{"warning github-token Line 6"}},
		{"the login, added", "+key=" + login + "\n", []string{"error login Line 5"}},
		{"context", " " + token + "\n+x\n", nil},
		{"the login as context", " " + login + "\n+x\n", nil},
		{"removed", "-" + token + "\n-" + login + "\n+x\n", nil},
		{"changed", "-" + token + "\n+" + token + "x\n", []string{"warning github-token Line 6"}},
		{"a key of many lines", "+-----BEGIN PRIVATE KEY-----\n+" + body + "\n", []string{"warning private-key Line 5"}},
		{"a key behind a removed one", "------BEGIN PRIVATE KEY-----\n-" + body + "\n+-----BEGIN PRIVATE KEY-----\n+" + body + "\n", []string{"warning private-key Line 7"}},
		{"the body alone of a key", " -----BEGIN PRIVATE KEY-----\n-\n+" + body + "\n", []string{"warning private-key Line 5"}},
		{"removed lines within a key", "+-----BEGIN PRIVATE KEY-----\n-a long line of prose, (which) is no part of a key; not at all\n+" + body + "\n", []string{"warning private-key Line 5"}},
		{"a key that was there", " -----BEGIN PRIVATE KEY-----\n " + body + "\n+x\n", nil},
		{"without a newline", "+" + login + "\n\\ No newline at end of file\n", []string{"error login Line 5"}},
		{"lines that look like headers", "+++ b/" + login + "\n--- a/" + token + "\n", []string{"error login Line 5"}},
		{"a second hunk", "+x\n@@ -50 +50 @@ " + token + "\n+" + token + "\n", []string{"warning github-token Line 7"}},
		{"words of a binary patch", "+GIT binary patch\n GIT binary patch\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, secretsIn(t, task.Changes{Patch: []byte(head + c.hunk)})); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretsInNames(t *testing.T) {
	got := secretsIn(t, task.Changes{Files: []task.Change{
		file(token),
		{Path: login, Kind: task.Deleted},
		added("a/" + token),
		{Path: login, OldPath: "x", Kind: task.Renamed},
		{Path: "y", OldPath: login, Kind: task.Renamed},
	}})
	want := []string{"warning github-token The name of file 3", "error login The name of file 4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestWhatCouldNotBeSearchedIsAWarning(t *testing.T) {
	found := validate.Secrets(task.Changes{
		Files: []task.Change{added("name")},
		Patch: []byte("diff --git a/a b/a\n@@ -1 +1,2 @@\n x\n+fine\n@@ -5 +6 @@\n-old\n+busy\n"),
	}, func(text []byte) ([]validate.Secret, bool) { return nil, !strings.Contains(string(text), "busy") })
	if len(found) != 1 || found[0].Severity != task.SeverityWarning || !strings.Contains(found[0].Detail, "line 7 of the patch has not been searched") {
		t.Errorf("found %+v", found)
	}
}

// binary.patch is git's: a delta and a literal, each with the login in it.
func TestSecretsInBinaryFiles(t *testing.T) {
	patch, err := os.ReadFile(filepath.Join("testdata", "binary.patch"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(patch)), login) {
		t.Fatal("the patch shows the login")
	}
	got := secretsIn(t, task.Changes{Patch: patch})
	if len(got) != 2 || !strings.HasPrefix(got[0], "error login The binary file") || !strings.HasPrefix(got[1], "error login The binary file") {
		t.Errorf("found %q", got)
	}
	// What cannot be unpacked is said.
	for _, broken := range []string{
		"GIT binary patch\n", "GIT binary patch\nliteral 5\nzzzz\n\n", "GIT binary patch\nliteral 5\nE" + strings.Repeat("0", 10) + "\n",
		strings.ReplaceAll(string(patch), "delta ", "delta 1"),
	} {
		if got := secretsIn(t, task.Changes{Patch: []byte(broken)}); len(got) == 0 || !strings.HasPrefix(got[0], "warning ") || !strings.Contains(got[0], "The binary file") {
			t.Errorf("%.40q: found %q", broken, got)
		}
	}
}

func FuzzSecretsAreFoundWhereverALineIsAdded(f *testing.F) {
	patch, err := os.ReadFile(filepath.Join("testdata", "binary.patch"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(patch))
	f.Add("diff --git a/a b/a\n@@ -1 +1 @@\n-x\n+y\n")
	f.Add("GIT binary patch\ndelta 3\nA00000\n")
	f.Fuzz(func(t *testing.T, before string) {
		if strings.Contains(before, login) {
			return
		}
		patch := before + "\ndiff --git a/z b/z\n--- a/z\n+++ b/z\n@@ -0,0 +1 @@\n+" + login + "\n"
		if got := secretsIn(t, task.Changes{Patch: []byte(patch)}); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "error login Line ") }) {
			t.Errorf("found %q in %q", got, patch)
		}
	})
}
