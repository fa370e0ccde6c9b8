package workspace_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

func TestWhatCodexStagedAlthoughItIsIgnoredIsCollected(t *testing.T) {
	type git = func(args ...string) (stdout, stderr string)
	for name, tt := range map[string]struct {
		format string
		do     func(g git)
	}{
		"staged":       {"sha1", func(g git) { g("add", "--force", "out/x", "out/deep/y") }},
		"with SHA-256": {"sha256", func(g git) { g("add", "--force", "out/x", "out/deep/y") }},
		"to be added":  {"sha1", func(g git) { g("add", "--force", "--intent-to-add", "out/x", "out/deep/y") }},
		"in version 4": {"sha1", func(g git) {
			g("add", "--force", "out/x", "out/deep/y")
			g("update-index", "--index-version", "4")
		}},
		"and committed": {"sha1", func(g git) {
			g("add", "--force", "out/x", "out/deep/y")
			g("commit", "--quiet", "-m", "x")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := newRepo(t, map[string]string{"a": "a\n", "z": "z\n", ".gitignore": "out/\n"}, "--object-format="+tt.format)
			w := create(t, open(t, repo))
			g := inside(t, w.Tree())
			write(t, w.Tree().Dir, map[string]string{"out/x": "x\n", "out/deep/y": "->../x", "out/gone": "g", "out/left": "not staged\n", "new": "n\n"})
			g("add", "--force", "out/gone")
			tt.do(g)
			must(t, os.Remove(filepath.Join(w.Tree().Dir, "out/gone")))
			write(t, w.Tree().Dir, map[string]string{"out/x": "x, later\n"})
			c := collect(t, w)
			wantSame(t, "paths", paths(c), []string{"added new", "added out/deep/y", "added out/x"})
			if !c.Applicable || !strings.Contains(string(c.Patch), "+x, later") {
				t.Errorf("%s\n%s", c.ApplyLog, c.Patch)
			}
		})
	}
}

// staged is an index of version 2 that holds these names.
func staged(names ...string) string {
	out := binary.BigEndian.AppendUint32([]byte("DIRC\x00\x00\x00\x02"), uint32(len(names)))
	for _, name := range names {
		entry := make([]byte, 62, 80)
		binary.BigEndian.PutUint32(entry[24:], 0o100644)
		binary.BigEndian.PutUint16(entry[60:], uint16(min(len(name), 0xfff)))
		entry = append(entry, name...)
		out = append(append(out, entry...), make([]byte, 8-len(entry)%8)...)
	}
	return string(out) + strings.Repeat("\x00", 20)
}

func TestAHostileIndexBringsNothingIn(t *testing.T) {
	secret := filepath.Join(tempDir(t), "secret")
	write(t, secret, map[string]string{"file": "TOP SECRET\n"})
	many := make([]string, 20_000)
	for i := range many {
		many[i] = fmt.Sprintf("out/%05d", i)
	}
	for name, tt := range map[string]struct {
		index string
		paths []string
		rules []string
	}{
		"ways out":        {staged("", ".", "..", "../x", ".git", ".git/config", "/etc/passwd", secret+"/file", "a", "out/../../x", "out/link/file"), nil, nil},
		"dots":            {staged(".", "..", ".git"), nil, nil},
		"through a link":  {staged("out/link/file"), nil, nil},
		"other spellings": {staged("./out/x", "out/../a", "out/./x", "out//x", "out/x\n", "out/x/"), nil, nil},
		"no files":        {staged("out", "out/nested/.git/config", "out/nested/x", "out/pipe"), nil, nil},
		"long names":      {staged("out/"+strings.Repeat("n", 300), "out/x"), []string{"added out/x"}, nil},
		"too long":        {staged("out/"+strings.Repeat("n", 5000), "out/x"), nil, nil},
		"out of order":    {staged("out/y", "out/x"), nil, nil},
		"too many":        {staged(append(many, "out/x")...), nil, []string{"not-collected out/10000"}},
		"cut off":         {staged("out/x", "out/y")[:100], []string{"added out/x"}, nil},
		"promises":        {"DIRC\x00\x00\x00\x04\xff\xff\xff\xff" + strings.Repeat("\xff", 500), nil, nil},
		"another version": {"DIRC\x00\x00\x00\x05\x00\x00\x00\x01" + staged("out/x")[12:], nil, nil},
		"a link":          {"->" + filepath.Join("..", "..", "x"), nil, nil},
		"a directory":     {"", nil, nil},
		"a pipe":          {"|", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := create(t, open(t, newRepo(t, map[string]string{"a": "a\n", ".gitignore": "out/\n"})))
			tree := w.Tree()
			write(t, tree.Dir, map[string]string{"out/x": "x\n", "out/link": "->" + secret, "out/nested/x": "x\n", "out/nested/.git/config": "x\n"})
			must(t, syscall.Mkfifo(filepath.Join(tree.Dir, "out/pipe"), 0o644))
			index := filepath.Join(tree.GitDir, "index")
			must(t, os.Remove(index))
			switch tt.index {
			case "":
				must(t, os.Mkdir(index, 0o755))
			case "|":
				must(t, syscall.Mkfifo(index, 0o644))
			default:
				write(t, tree.GitDir, map[string]string{"index": tt.index})
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c, err := w.Collect(ctx, workspace.CollectOptions{})
			must(t, err)
			wantSame(t, "paths", paths(c), tt.paths)
			wantSame(t, "findings", rules(c), tt.rules)
			if !c.Applicable || strings.Contains(string(c.Patch), "TOP SECRET") {
				t.Errorf("%s\n%s", c.ApplyLog, c.Patch)
			}
			for _, f := range c.Findings {
				if f.Severity != task.SeverityError {
					t.Errorf("%v is no error", f)
				}
			}
		})
	}
}
