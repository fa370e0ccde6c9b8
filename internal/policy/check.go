package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/distribution/reference"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// refusals collects problems.
type refusals struct{ all []error }

func (r *refusals) add(where, what, mend string) {
	r.all = append(r.all, &task.Refusal{Where: where, What: what, Mend: mend})
}

func (r *refusals) join(err error) {
	if err != nil {
		r.all = append(r.all, err)
	}
}

func (r *refusals) err() error { return errors.Join(r.all...) }

// CheckConfig checks what the schema of a configuration cannot say: that its
// commands, paths and image can be used. Its error joins refusals.
func CheckConfig(cfg config.Config) error {
	var r refusals
	prefix := config.FileName + ": "
	r.checkCommands(prefix+"allowed_commands", cfg.AllowedCommands)
	r.checkPatterns(prefix+"default_allowed_paths", cfg.DefaultAllowedPaths)
	r.checkImage(prefix+"image", cfg.Image)
	r.checkCodexCommand(prefix+"codex_command", cfg.CodexCommand)
	r.checkVerify(prefix+"verify_commands", cfg.VerifyCommands)
	return r.err()
}

func (r *refusals) checkTask(where string, t task.RequestTask) {
	r.checkID(where+"task_id", t.ID)
	r.checkPrompt(where+"prompt", t.Prompt)
	if t.TimeoutSec != nil {
		r.checkRange(where+"timeout_sec", *t.TimeoutSec, minTimeoutSec, maxTimeoutSec)
	}
	r.checkPatterns(where+"allowed_paths", t.AllowedPaths)
	r.checkCommands(where+"allowed_commands", t.AllowedCommands)
	r.checkVerify(where+"verify_commands", t.VerifyCommands)
	r.checkImage(where+"image", t.Image)
	if t.Model != "" && (len(t.Model) > maxModel || !modelPattern.MatchString(t.Model)) {
		r.add(where+"model", fmt.Sprintf("%q cannot be the name of a model.", clip(t.Model)), "Give the model's name as the model API knows it.")
	}
	if t.Attempts != nil {
		r.checkRange(where+"attempts", *t.Attempts, 1, maxAttempts)
	}
}

var modelPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]*$`)

func (r *refusals) checkImage(where, image string) {
	if image == "" {
		return
	}
	if _, err := reference.ParseNormalizedNamed(image); err != nil {
		r.all = append(r.all, &task.Refusal{
			Where: where, What: fmt.Sprintf("%q is not an image reference: %v.", clip(image), err),
			Mend: `Write it like "node:24-slim" or "registry.example/team/image@sha256:…".`, Err: err,
		})
	}
}

// checkVerify takes any shell command: it runs in a sandbox that has nothing to lose.
func (r *refusals) checkVerify(where string, commands []string) {
	if len(commands) > maxVerify {
		r.add(where, fmt.Sprintf("There are %d commands, and %d are allowed.", len(commands), maxVerify), "Join some with && into one.")
		return
	}
	for i, c := range commands {
		at := fmt.Sprintf("%s[%d]", where, i)
		switch {
		case strings.TrimSpace(c) == "":
			r.add(at, "The command is empty.", "Give a shell command, such as npm test.")
		case len(c) > maxCommand:
			r.add(at, fmt.Sprintf("The command has %d bytes, and the limit is %d.", len(c), maxCommand), "Put it into a script of the repository.")
		case !utf8.ValidString(c) || strings.ContainsRune(c, 0):
			r.add(at, "The command is no text: it holds bytes that are not UTF-8, or NUL.", "Give it as UTF-8 text.")
		}
	}
}

func (r *refusals) checkTaskCount(n, limit int) {
	switch {
	case n == 0:
		r.add("tasks", "There is no task.", "Give at least one task.")
	case n > limit:
		r.add("tasks", fmt.Sprintf("There are %d tasks, and a run may have %d.", n, limit), "Split them over several runs, or raise max_tasks_per_run in "+config.FileName+" (at most 50).")
	}
}

func (r *refusals) checkRange(where string, n, low, high int) {
	if n < low || n > high {
		r.add(where, fmt.Sprintf("%d is out of range.", n), fmt.Sprintf("Give a number from %d to %d.", low, high))
	}
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checkID takes what becomes a file name and part of a worktree's name: git
// takes a leading "-" for an option, and keeps ".lock" for itself.
func (r *refusals) checkID(where, id string) {
	bad := !idPattern.MatchString(id) || strings.HasPrefix(id, "-") || strings.HasSuffix(id, ".") ||
		strings.HasSuffix(strings.ToLower(id), ".lock")
	if bad {
		r.add(where, fmt.Sprintf("%q cannot be an id.", clip(id)), `Use 1 to 64 of letters, digits, ".", "-" and "_", not "-" in front and not "." or ".lock" at the end.`)
	}
}

func (r *refusals) checkPrompt(where, prompt string) {
	switch {
	case strings.TrimSpace(prompt) == "":
		r.add(where, "The prompt is empty.", "Say what Codex is to do.")
	case len(prompt) > maxPrompt:
		r.add(where, fmt.Sprintf("The prompt has %d bytes, and the limit is 1 MiB (%d).", len(prompt), maxPrompt), "Put long material into a file of the repository and name the file.")
	case !utf8.ValidString(prompt):
		r.add(where, "The prompt is not valid UTF-8.", "Send it as UTF-8.")
	case strings.ContainsRune(prompt, 0):
		r.add(where, "The prompt holds a NUL character.", "Remove it.")
	}
}

// checkRef refuses what cannot name a commit or what git would take for an
// option; whether it names one is known only in the repository.
func (r *refusals) checkRef(where, ref string) {
	bad := len(ref) > 255 || strings.HasPrefix(ref, "-") || strings.Contains(ref, "..") || !utf8.ValidString(ref) ||
		strings.ContainsFunc(ref, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`\?*[`, c) })
	if bad {
		r.add(where, fmt.Sprintf("%q cannot name a commit.", clip(ref)), "Give a branch, a tag, a commit id, or something like HEAD~2.")
	}
}

// clip makes foreign text short enough for a message.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
