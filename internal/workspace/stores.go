package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxStores is more than git itself follows (five levels of alternates).
const maxStores = 32

// objectStores lists an object store and, transitively, its alternates: real
// paths, the given store first, each once.
func objectStores(primary string) ([]string, error) {
	var stores []string
	seen := map[string]bool{}
	queue := []string{primary}
	for len(queue) > 0 && len(stores) < maxStores {
		store, err := filepath.EvalSymlinks(queue[0])
		queue = queue[1:]
		if errors.Is(err, fs.ErrNotExist) && len(stores) > 0 {
			continue // git only warns about an alternate that is gone
		}
		if err != nil {
			return nil, fmt.Errorf("find object store: %w", err)
		}
		if seen[store] {
			continue
		}
		seen[store] = true
		stores = append(stores, store)
		content, err := readIfPresent(alternatesFile(store))
		if err != nil {
			return nil, fmt.Errorf("read alternates of %s: %w", store, err)
		}
		for _, path := range parseAlternates(string(content)) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(store, path)
			}
			queue = append(queue, path)
		}
	}
	return stores, nil
}

func alternatesFile(store string) string { return filepath.Join(store, "info", "alternates") }

// parseAlternates reads info/alternates: one path a line, # for comments, paths
// with odd characters quoted as in C (gitrepository-layout(5)).
func parseAlternates(content string) []string {
	var paths []string
	for line := range strings.SplitSeq(content, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '"' {
			if unquoted, err := strconv.Unquote(octal(line)); err == nil {
				line = unquoted
			}
		}
		paths = append(paths, line)
	}
	return paths
}

// formatAlternates is the inverse of parseAlternates.
func formatAlternates(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		if strings.ContainsAny(path, "\n") || strings.HasPrefix(path, `"`) || strings.HasPrefix(path, "#") {
			path = quotePath(path)
		}
		b.WriteString(path + "\n")
	}
	return b.String()
}

// quotePath quotes a path as in C, for lists of paths that git reads.
func quotePath(path string) string {
	return `"` + octal(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path)) + `"`
}

// octal writes bytes beyond ASCII as \ooo, as git does. strconv would take
// those that are not UTF-8 for mistakes.
func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, `\%03o`, s[i])
		}
	}
	return b.String()
}

// hasAlternates says whether git would look beyond a store.
func hasAlternates(store string) bool {
	content, err := readIfPresent(alternatesFile(store))
	return err != nil || len(parseAlternates(string(content))) > 0
}

// facade fills dir with links to the parts of a store as the container sees it,
// all but info/alternates: that names paths of the host, about which git in the
// container would complain with every command.
func facade(dir, store, mounted string) error {
	if err := os.MkdirAll(filepath.Join(dir, "info"), 0o755); err != nil {
		return err
	}
	parts, err := os.ReadDir(store)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.Name() == "info" {
			continue
		}
		if err := os.Symlink(filepath.Join(mounted, part.Name()), filepath.Join(dir, part.Name())); err != nil {
			return err
		}
	}
	for _, name := range []string{"commit-graph", "commit-graphs"} {
		if err := os.Symlink(filepath.Join(mounted, "info", name), filepath.Join(dir, "info", name)); err != nil {
			return err
		}
	}
	return nil
}

// refuseUnreadable returns a *task.Refusal if a process of the given uid and
// gid could not read the stores. Only what every store has is looked at.
func refuseUnreadable(stores []string, uid, gid int) error {
	for _, store := range stores {
		for _, dir := range []string{store, filepath.Join(store, "pack")} {
			info, err := os.Stat(dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("look at object store: %w", err)
			}
			if !mayRead(info, uid, gid) {
				return &task.Refusal{
					What: fmt.Sprintf("The objects in %s cannot be read by uid %d, as which the sandbox runs.", show(dir), uid),
					Mend: "Run as the repository's owner, or run: chmod -R go+rX " + shellQuote(store),
				}
			}
		}
	}
	return nil
}

// refuseForeign returns a *task.Refusal if one of the stores is none: a sandbox
// sees all of it, and info/alternates or a symlink of a repository that somebody
// else has made may name any directory.
func refuseForeign(stores []string) error {
	for _, store := range stores {
		entries, err := os.ReadDir(store)
		if err != nil {
			return fmt.Errorf("look at object store: %w", err)
		}
		for _, e := range entries {
			if !storePart.MatchString(e.Name()) {
				return &task.Refusal{
					What: fmt.Sprintf("The object store %s holds %s, which is none of git's, and a sandbox would see it.", show(store), show(e.Name())),
					Mend: "Move that away; or, if the repository should not use this store, take it out of .git/objects/info/alternates.",
				}
			}
		}
	}
	return nil
}

// storePart is what git keeps in an object store, or leaves there when it is
// interrupted, and what file managers and network file systems do.
var storePart = regexp.MustCompile(`^([0-9a-f]{2}|pack|info|(tmp_|incoming-|\.tmp-|\.nfs).*|.*\.lock|\.DS_Store)$`)

func mayRead(info fs.FileInfo, uid, gid int) bool {
	perm := info.Mode().Perm()
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && int(st.Uid) == uid:
		return perm&0o500 == 0o500
	case ok && int(st.Gid) == gid:
		return perm&0o050 == 0o050
	}
	return perm&0o005 == 0o005
}

// readIfPresent is os.ReadFile, with nil for a file that is not there.
func readIfPresent(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}
