// Package journal is the directory that keeps runs: transcripts, patches and
// results outlive the client, the server and a crash.
//
// One process writes a run, and holds a lock on it as long as it lives. Files
// are 0600 and appear whole: written beside, synced, renamed. Only the logs that
// grow while a task runs are there before they are complete.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Journal keeps the runs of one repository.
type Journal struct{ home, dir string }

// Root is where this user's state lies: $XDG_STATE_HOME/codex-mcp-runner, or
// that below ~/.local/state.
func Root(getenv func(string) string) (string, error) {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG specification says to ignore relative ones
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return "", &task.Refusal{
				What: "There is no place to keep runs: neither XDG_STATE_HOME nor HOME is an absolute path.",
				Mend: "Set HOME or XDG_STATE_HOME in the server's environment.",
			}
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "codex-mcp-runner"), nil
}

// Home is where a repository's runs and worktrees live, below Root: its name and
// a hash. commonDir is the git directory that all checkouts of the repository
// share, so that they share their runs; it must be absolute and free of symlinks.
func Home(getenv func(string) string, commonDir string) (string, error) {
	root, err := Root(getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, homeName(commonDir)), nil
}

func homeName(commonDir string) string {
	name := filepath.Base(commonDir)
	if name == ".git" { // which tells a reader nothing
		name = filepath.Base(filepath.Dir(commonDir))
	}
	sum := sha256.Sum256([]byte(commonDir))
	return name + "-" + hex.EncodeToString(sum[:6])
}

const (
	// repositoryFile has the common directory of the repository that a home belongs
	// to: the hash in the home's own name cannot be turned back.
	repositoryFile = "repository"
	// checkoutFile has the root of the checkout that the journal was last opened for.
	checkoutFile = "checkout"
)

// Open opens the journal under home, which it creates if need be, and notes
// there which repository it is of, so that gc can tell whether that still
// exists, and in which checkout it has work. commonDir is as for Home; checkout
// is the root of one of the repository's checkouts.
func Open(home, commonDir, checkout string) (*Journal, error) {
	j := At(home)
	err := os.MkdirAll(j.dir, 0o700)
	if err == nil {
		err = errors.Join(note(home, repositoryFile, commonDir), note(home, checkoutFile, checkout))
	}
	if err != nil {
		return nil, unusable("created", err)
	}
	return j, nil
}

// unusable refuses a directory that we cannot work in.
func unusable(what string, err error) *task.Refusal {
	return &task.Refusal{
		What: fmt.Sprintf("The journal cannot be %s: %v.", what, err),
		Mend: "Make the directory writable, or point XDG_STATE_HOME at one that is.",
		Err:  err,
	}
}

// note keeps a path in a file of the home, unless it says so already.
func note(home, name, path string) error {
	dir, line := Dir{path: home}, []byte(path+"\n")
	if b, err := dir.Read(name); err == nil && bytes.Equal(b, line) {
		return nil
	}
	return dir.Write(name, line)
}

// At is the journal under home for a reader: unlike Open it makes nothing, and
// a home without runs has none to list.
func At(home string) *Journal { return &Journal{home: home, dir: filepath.Join(home, "runs")} }

// Record is run.json: what was asked, what it became, and where it stands.
type Record struct {
	RunID string `json:"run_id"`
	// State is running until the run is done, or until Recover calls it lost.
	State      task.RunStatus `json:"state"`
	BaseCommit string         `json:"base_commit"`
	CreatedAt  time.Time      `json:"created_at"`
	Plan       task.Plan      `json:"plan"`
	// Done and Succeeded count tasks, as in task.RunSummary. They are set when the
	// run is done, so that a list of runs need not read their results.
	Done      int `json:"done"`
	Succeeded int `json:"succeeded"`
}
