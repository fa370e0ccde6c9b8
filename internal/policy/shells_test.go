package policy

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shells are those that Codex starts. zsh and busybox are asked where they are.
func shells(t *testing.T) [][]string {
	t.Helper()
	var found [][]string
	for _, s := range [][]string{{"bash"}, {"sh"}, {"zsh"}, {"busybox", "sh"}} {
		program, err := exec.LookPath(s[0])
		if err == nil {
			found = append(found, append([]string{program}, s[1:]...))
		} else if s[0] == "bash" || s[0] == "sh" {
			t.Fatalf("this test needs %s: %v", s[0], err)
		}
	}
	return found
}

// The matcher's parser and a real shell may read one script differently. Here
// scripts that the matcher allows are given to the shells, with a program named
// evil on the PATH, which none of them may start. It found that the parser
// continues a comment over a backslash and a newline, and no shell does.
func TestNoShellFindsACommandThatTheMatcherDidNotSee(t *testing.T) {
	dir := t.TempDir()
	bin, work, mark := filepath.Join(dir, "bin"), filepath.Join(dir, "work"), filepath.Join(dir, "mark")
	for _, d := range []string{bin, work} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program := func(name, script string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program("evil", ": >'"+mark+"'")
	for _, name := range []string{"npm", "a", "E", "EOF", "git", "find", "sed", "sort", "rg", "cat", "apply_patch"} {
		program(name, "exit 0")
	}
	ran := func(shell []string, script string) bool {
		c := exec.CommandContext(t.Context(), shell[0], append(shell[1:len(shell):len(shell)], "-c", script)...)
		c.Dir = work
		c.Env = []string{"PATH=" + bin, "HOME=" + work}
		_ = c.Run() // most scripts fail; what counts is the mark
		if _, err := os.Stat(mark); err != nil {
			return false
		}
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
		return true
	}
	all := shells(t)
	for _, shell := range all {
		if !ran(shell, "npm test; evil") {
			t.Fatalf("%v: the test itself does not work", shell)
		}
	}

	rules := CommandRules{Allowed: []string{"npm test"}, Inspection: true, WorkspaceDir: work}
	var corpus []string
	for _, l := range readTable(t) {
		corpus = append(corpus, l.script)
	}
	r := rand.New(rand.NewPCG(1, 2))
	checked := 0
	for i := 0; checked < 150 && i < 300_000; i++ {
		script := corpus[i%len(corpus)]
		if i >= len(corpus) {
			script = mutate(r, corpus)
		}
		if !strings.Contains(script, "evil") || !CheckCommand(rules, script).Allowed {
			continue
		}
		checked++
		for _, shell := range all {
			if ran(shell, script) {
				t.Errorf("%v runs evil in %q", shell, script)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d scripts were tried", checked)
	}
}

// mutate makes a script that is nearly one of the corpus.
func mutate(r *rand.Rand, corpus []string) string {
	tokens := []string{
		"evil", "evil", "npm test", "\n", ";", "|", "&&", "'", `"`, `\`, "\\\n", "#", " # ", " ", "\t", "<<EOF\n", "<<'EOF'\n", "\nEOF\n",
		"<<-E\n", "\n\tE\n", "$", "$'", "`", "$(", "{", "}", "(", ")", "!", "[", "]", "*", "~", "=", ">/dev/null", "2>&1", "<", `\'`, `\"`, `\#`, "é", "&",
	}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	s := pick(corpus)
	for range 1 + r.IntN(4) {
		k := r.IntN(len(s) + 1)
		switch r.IntN(3) {
		case 0:
			s = s[:k] + pick(tokens) + s[k:]
		case 1:
			s = s[:k] + s[min(len(s), k+r.IntN(4)):]
		default:
			other := pick(corpus)
			s = s[:k] + other[r.IntN(len(other)+1):]
		}
	}
	return s
}
