package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/policy"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// CheckSetup looks at everything that a run in the repository of dir needs. It
// starts nothing, and what is missing is no error.
func (s *service) CheckSetup(ctx context.Context, dir string) (task.Setup, error) {
	checks := slices.Concat(s.checkSandbox(ctx), s.checkRepository(ctx, dir), s.checkLogin(ctx), s.checkDisk())
	setup := task.Setup{Ready: true, Checks: checks}
	for _, c := range checks {
		setup.Ready = setup.Ready && c.OK
	}
	return setup, nil
}

// decided is a check that one error decides.
func decided(name string, err error, found string) task.SetupCheck {
	if err == nil {
		return task.SetupCheck{Name: name, OK: true, Detail: found}
	}
	c := task.SetupCheck{Name: name, Detail: err.Error()}
	switch all := task.Refusals(err); len(all) {
	case 0:
	case 1:
		what := *all[0]
		what.Where, what.Mend = typed(what.Where), ""
		c.Detail, c.Mend = what.Error(), all[0].Mend
	default: // each with its mend, or nobody could tell which belongs to which
		var lines []string
		for _, r := range all {
			lines = append(lines, r.Error())
		}
		c.Detail, c.Mend = strings.Join(lines, "\n"), "Mend each of these."
	}
	return c
}

func (s *service) checkLogin(ctx context.Context) []task.SetupCheck {
	model, err := s.openModel() //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
	if err == nil {
		err = model.credentials.Check(ctx)
	}
	return []task.SetupCheck{decided("login", err, "there is a login for the model API")}
}

func (s *service) checkRepository(ctx context.Context, dir string) []task.SetupCheck {
	version, err := workspace.GitVersion(ctx, s.o.Log)
	checks := []task.SetupCheck{decided("git", err, "git "+version)}
	repo, err := workspace.Open(ctx, dir, workspace.Options{Log: s.o.Log})
	if err != nil {
		return append(checks, decided("repository", err, ""))
	}
	commit, err := repo.Resolve(ctx, "")
	checks = append(checks, decided("repository", err, fmt.Sprintf("%s at %.12s", repo.Root(), commit)))
	cfg, err := loadConfig(repo.Root())
	checks = append(checks, decided("config", err, strings.Join(append([]string{"the configuration is valid"}, policy.Loosened(cfg.NetworkPolicy, cfg.SandboxMode, cfg.CommandPolicy)...), "\n")))
	if err != nil {
		return checks
	}
	model := task.SetupCheck{Name: "model", OK: true, Detail: cfg.CodexModel}
	if !codex.Known(cfg.CodexModel) { // a run works all the same
		model.Detail = fmt.Sprintf("%s, which Codex %s does not know and can do less with; codex_model may be one of %s.",
			cfg.CodexModel, codex.Version, strings.Join(codex.KnownModels(), ", "))
	}
	if cfg.Image != "" && s.engine != nil {
		checks = append(checks, decided("configured image", s.engine.Check(ctx, cfg.Image, cfg.ContainerRuntime), cfg.Image))
	}
	return append(checks, model)
}

// minFree is what a few worktrees and transcripts take.
const minFree = 1 << 30

func (s *service) checkDisk() []task.SetupCheck {
	root, err := journal.Root(s.o.Getenv)
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Statfs(root, &fs)
	}
	if err != nil {
		if len(task.Refusals(err)) == 0 {
			err = &task.Refusal{
				What: fmt.Sprintf("The journal cannot be kept at %s: %v.", root, err),
				Mend: "Make the directory writable, or point XDG_STATE_HOME at one that is.",
			}
		}
		return []task.SetupCheck{decided("disk", err, "")}
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize) // the types differ between systems
	c := task.SetupCheck{Name: "disk", OK: free >= minFree, Detail: fmt.Sprintf("%.1f GiB free at %s", float64(free)/(1<<30), root)}
	if !c.OK {
		c.Mend = "Make room, or point XDG_STATE_HOME elsewhere."
	}
	return []task.SetupCheck{c}
}
