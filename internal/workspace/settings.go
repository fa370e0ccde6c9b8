package workspace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings are what the user's git does to a file between the worktree and the
// object store. A fresh worktree is made with them, so collecting needs them too.
type settings struct {
	// conversion holds core.autocrlf and its kin: section, key, value.
	conversion [][3]string
	// filters are the user's filter drivers, by name, then by variable ("clean").
	filters map[string]map[string]string
	// globalAttributes and attributes are the user's core.attributesFile and
	// the repository's info/attributes; nil if there is none.
	globalAttributes, attributes []byte
	// exclude is core.excludesFile followed by info/exclude.
	exclude []byte
}

// converts are the settings that change content or modes on the way.
var converts = []string{"autocrlf", "eol", "filemode", "ignorecase", "precomposeunicode", "symlinks"}

// readSettings asks git, which knows about includes and per-worktree files.
func (r *Repository) readSettings(ctx context.Context) (settings, error) {
	s := settings{filters: map[string]map[string]string{}}
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{"config", "-z", "--list"}})
	if err != nil {
		return s, fmt.Errorf("read git configuration: %w", err)
	}
	all := map[string]string{}
	for _, field := range splitNul(out.stdout) {
		key, value, set := strings.Cut(string(field), "\n")
		if !set {
			value = "true" // a key alone
		}
		all[key] = value
		if name, variable, ok := filterKey(key); ok {
			if s.filters[name] == nil {
				s.filters[name] = map[string]string{}
			}
			s.filters[name][variable] = value
		}
	}
	for _, key := range converts {
		if value, ok := all["core."+key]; ok {
			s.conversion = append(s.conversion, [3]string{"core", key, value})
		}
	}

	if s.globalAttributes, err = r.userFile(ctx, "core.attributesFile", "attributes"); err != nil {
		return s, err
	}
	excludes, err := r.userFile(ctx, "core.excludesFile", "ignore")
	if err != nil {
		return s, err
	}
	if s.attributes, err = readIfPresent(filepath.Join(r.commonDir, "info", "attributes")); err != nil {
		return s, fmt.Errorf("read attributes: %w", err)
	}
	local, err := readIfPresent(filepath.Join(r.commonDir, "info", "exclude"))
	if err != nil {
		return s, fmt.Errorf("read excludes: %w", err)
	}
	s.exclude = bytes.Join([][]byte{excludes, local}, []byte("\n"))
	return s, nil
}

// filterKey takes filter.<name>.<variable> apart; the name may hold dots.
func filterKey(key string) (name, variable string, ok bool) {
	rest, ok := strings.CutPrefix(key, "filter.")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot <= 0 {
		return "", "", false
	}
	return rest[:dot], rest[dot+1:], true
}

// userFile reads a file that a setting names, or the one that git reads if the
// setting is absent.
func (r *Repository) userFile(ctx context.Context, key, fallback string) ([]byte, error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{"config", "-z", "--type=path", "--get", key}})
	path := strings.TrimSuffix(string(out.stdout), "\x00")
	switch {
	case exitCode(err) == 1: // not set
		base := os.Getenv("XDG_CONFIG_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, nil
			}
			base = filepath.Join(home, ".config")
		}
		path = filepath.Join(base, "git", fallback)
	case err != nil:
		return nil, fmt.Errorf("read git configuration: %w", err)
	case path == "":
		return nil, nil
	case !filepath.IsAbs(path):
		path = filepath.Join(r.root, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		// git, too, goes on without a file that it cannot read.
		r.git.log.DebugContext(ctx, "no user file", "setting", key, "path", path, "err", err)
		return nil, nil
	}
	return content, nil
}

// drivers are the filters that a task's files go through: those that the base's
// own attributes name and the user has configured. What a task writes into
// .gitattributes cannot add to them.
//
// It takes the words of every line without regard to patterns and quotes: that
// can only find more than git would, and all of it stands in the base. go-git's
// parser panics at a line of two quotes (v5.19.3).
func (s settings) drivers(attributes ...[]byte) map[string]map[string]string {
	used := map[string]map[string]string{}
	for _, content := range append(attributes, s.globalAttributes, s.attributes) {
		for word := range strings.FieldsSeq(string(content)) {
			name, ok := strings.CutPrefix(word, "filter=")
			if driver, configured := s.filters[name]; ok && configured {
				used[name] = driver
			}
		}
	}
	return used
}
