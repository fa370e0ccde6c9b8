package workspace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/config"
)

// gitDir is a git directory to be written by hand: it has what is named here,
// and nothing that git init or a template would add.
type gitDir struct {
	objectFormat string
	// head is the content of HEAD.
	head string
	// core, user and so on: section, key, value.
	settings [][3]string
	// alternates are the object stores behind its own.
	alternates []string
	// exclude, attributes and shallow become the files of these names; nil: none.
	exclude, attributes, shallow []byte
}

// nowhere is a HEAD for git directories that only see trees and blobs.
const nowhere = "ref: refs/heads/none\n"

func (d gitDir) write(path string) error {
	for _, sub := range []string{"refs/heads", "refs/tags", "objects/info", "objects/pack", "info"} {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o755); err != nil {
			return err
		}
	}
	version := "0"
	if d.objectFormat != "sha1" {
		version = "1"
	}
	cfg := config.New()
	cfg.Section("core").SetOption("repositoryformatversion", version).SetOption("bare", "false")
	if version == "1" {
		cfg.Section("extensions").SetOption("objectformat", d.objectFormat)
	}
	for _, s := range d.settings {
		cfg.Section(s[0]).SetOption(s[1], s[2])
	}
	var text bytes.Buffer
	if err := config.NewEncoder(&text).Encode(cfg); err != nil {
		return err
	}
	files := []struct {
		name    string
		content []byte
	}{
		{"HEAD", []byte(d.head)},
		{"config", text.Bytes()},
		{"objects/info/alternates", []byte(formatAlternates(d.alternates))},
		{"info/exclude", d.exclude},
		{"info/attributes", d.attributes},
		{"shallow", d.shallow},
	}
	for _, f := range files {
		if f.content == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(path, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tame are the settings of the git directories that collecting uses: nothing
// that a repository can name is run, fetched or remembered.
func tame(attributesFile string) [][3]string {
	return [][3]string{
		{"core", "fsmonitor", "false"},
		{"core", "untrackedCache", "false"},
		{"core", "hooksPath", os.DevNull},
		{"core", "attributesFile", attributesFile},
		{"core", "excludesFile", os.DevNull},
		{"core", "quotePath", "true"},
		{"core", "protectHFS", "true"},
		{"core", "protectNTFS", "true"},
		// A conversion that cannot be undone is the task's affair, not a reason to stop.
		{"core", "safecrlf", "false"},
		{"core", "looseCompression", "1"},
		{"protocol", "allow", "never"},
		{"gc", "auto", "0"},
		{"maintenance", "auto", "false"},
	}
}

// tameEnv keeps git away from every configuration but a git directory's own.
func tameEnv(gitDir, workTree, index, objects string) []string {
	return []string{
		"GIT_DIR=" + gitDir,
		"GIT_WORK_TREE=" + workTree,
		"GIT_INDEX_FILE=" + index,
		"GIT_OBJECT_DIRECTORY=" + objects,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_NO_LAZY_FETCH=1",
	}
}

// configEnv adds settings to one run of git, and what holds for all of them: a
// clone may hold a directory that git takes for a bare repository, with a
// configuration of its own that names programs to run.
func configEnv(settings [][2]string) []string {
	settings = append([][2]string{{"safe.bareRepository", "explicit"}}, settings...)
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings))}
	for i, s := range settings {
		env = append(env,
			fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}
