// Package journal is the directory that keeps runs: transcripts, patches and
// results outlive the client, the server and a crash.
//
// One process writes a run, and holds a lock on it as long as it lives. Files
// are 0600 and appear whole: written beside, synced, renamed. Only the logs that
// grow while a task runs are there before they are complete.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
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

// Home is where a repository's runs and worktrees live, below Root: its base
// name and a hash of its path. repo, the repository's root, must be absolute
// and free of symlinks.
func Home(getenv func(string) string, repo string) (string, error) {
	root, err := Root(getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, homeName(repo)), nil
}

func homeName(repo string) string {
	sum := sha256.Sum256([]byte(repo))
	return filepath.Base(repo) + "-" + hex.EncodeToString(sum[:6])
}

// repositoryFile names the repository that a home belongs to: the hash in the
// home's own name cannot be turned back.
const repositoryFile = "repository"

// Open opens the journal under home, which it creates if need be, and notes
// there which repository it is of, so that gc can tell whether that still
// exists. repo is as for Home.
func Open(home, repo string) (*Journal, error) {
	j := At(home)
	err := os.MkdirAll(j.dir, 0o700)
	if err == nil {
		if _, serr := os.Lstat(filepath.Join(home, repositoryFile)); serr != nil {
			err = Dir{path: home}.Write(repositoryFile, []byte(repo+"\n"))
		}
	}
	if err != nil {
		return nil, &task.Refusal{
			What: fmt.Sprintf("The journal cannot be created: %v.", err),
			Mend: "Make the directory writable, or point XDG_STATE_HOME at one that is.",
			Err:  err,
		}
	}
	return j, nil
}

// At is the journal under home for a reader: unlike Open it makes nothing, and
// a home without runs has none to list.
func At(home string) *Journal { return &Journal{home: home, dir: filepath.Join(home, "runs")} }

// Record is run.json: what was asked, what it became, and where it stands.
type Record struct {
	RunID      string    `json:"run_id"`
	State      string    `json:"state"` // one of the State constants
	BaseCommit string    `json:"base_commit"`
	CreatedAt  time.Time `json:"created_at"`
	Plan       task.Plan `json:"plan"`
	// WorkDir is the directory under which the run's worktrees are.
	WorkDir string `json:"work_dir"`
	// Done and Succeeded count tasks, as in task.RunSummary. They are set when the
	// run is done, so that a list of runs need not read their results.
	Done      int `json:"done"`
	Succeeded int `json:"succeeded"`
}

// The states of a run.
const (
	StateRunning = "running"
	StateDone    = "done"
	// StateLost is a run whose process died before it was done.
	StateLost = "lost"
)
