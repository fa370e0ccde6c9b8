package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/workspace"
)

// check is one thing that a run needs.
type check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is what was found, or what is wrong.
	Detail string `json:"detail"`
	// Mend is what to do; empty if OK.
	Mend string `json:"mend,omitempty"`
}

func doctorCommand(f *rootFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether everything that a run needs is there, and how to mend what is not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, err := openService(cmd, f)
			if err != nil {
				return err
			}
			defer func() { _ = svc.Close() }()
			dir := f.repo
			if dir == "" {
				dir = "."
			}
			checks := svc.doctor(cmd.Context(), dir)
			if err := showChecks(cmd.OutOrStdout(), checks, asJSON); err != nil {
				return err
			}
			for _, c := range checks {
				if !c.OK {
					return errUnfit
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// errUnfit ends doctor with an exit code; the checks have said what is wrong.
var errUnfit = errors.New("something is missing; see above")

func showChecks(w io.Writer, checks []check, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(checks)
	}
	for _, c := range checks {
		mark := "ok     "
		if !c.OK {
			mark = "MISSING"
		}
		if _, err := fmt.Fprintf(w, "%s  %-10s  %s\n", mark, c.Name, console.Visible(strings.TrimSpace(c.Detail+" "+c.Mend))); err != nil {
			return err
		}
	}
	return nil
}

// doctor looks at everything that a run in the repository of dir needs.
func (s *service) doctor(ctx context.Context, dir string) []check {
	checks := []check{s.checkEngine(ctx), outcome("image", s.engine.Check(ctx, "", ""), "the runner image is built, with Codex "+codex.Version)}
	checks = append(checks, s.checkRepository(ctx, dir)...)
	model, err := s.openModel() //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
	if err == nil {
		err = model.credentials.Check(ctx)
	}
	return append(checks, outcome("login", err, "there is a login for the model API"), s.checkDisk())
}

// outcome is a check that one error decides.
func outcome(name string, err error, found string) check {
	if err == nil {
		return check{Name: name, OK: true, Detail: found}
	}
	c := check{Name: name, Detail: err.Error()}
	if r := task.Refusals(err); len(r) > 0 {
		c.Detail, c.Mend = "", ""
		for _, one := range r {
			where := ""
			if one.Where != "" {
				where = one.Where + ": "
			}
			c.Detail = strings.TrimSpace(c.Detail + " " + where + one.What)
			c.Mend = strings.TrimSpace(c.Mend + " " + one.Mend)
		}
	}
	return c
}

func (s *service) checkEngine(ctx context.Context) check {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return outcome("engine", err, "")
	}
	return check{Name: "engine", OK: true, Detail: fmt.Sprintf("Docker %s at %s (API %s, cgroup v%s, %s/%s, %d CPUs, %.1f GiB)",
		info.Version, info.Endpoint, info.API, info.CgroupVersion, info.OS, info.Arch, info.CPUs, float64(info.MemoryBytes)/(1<<30))}
}

func (s *service) checkRepository(ctx context.Context, dir string) []check {
	repo, err := workspace.Open(ctx, dir, workspace.Options{Log: s.o.Log})
	if err != nil {
		return []check{outcome("repository", err, "")}
	}
	commit, err := repo.Resolve(ctx, "")
	checks := []check{outcome("repository", err, fmt.Sprintf("%s at %.12s", repo.Root(), commit))}
	cfg, err := loadConfig(repo.Root())
	checks = append(checks, outcome("config", err, "the configuration is valid"))
	if err != nil {
		return checks
	}
	model := check{Name: "model", OK: codex.Known(cfg.CodexModel), Detail: cfg.CodexModel}
	if !model.OK {
		model.Detail = fmt.Sprintf("Codex %s does not know %s and can do less with it.", codex.Version, cfg.CodexModel)
		model.Mend = "Set codex_model to one of " + strings.Join(codex.KnownModels(), ", ") + "."
	}
	return append(checks, model)
}

// minFree is what a few worktrees and transcripts take.
const minFree = 1 << 30

func (s *service) checkDisk() check {
	root, err := journal.Root(s.o.Getenv)
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Statfs(root, &fs)
	}
	if err != nil {
		return outcome("disk", err, "")
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize) //nolint:unconvert // the types differ between systems
	c := check{Name: "disk", OK: free >= minFree, Detail: fmt.Sprintf("%.1f GiB free at %s", float64(free)/(1<<30), root)}
	if !c.OK {
		c.Mend = "Make room, or point XDG_STATE_HOME elsewhere."
	}
	return c
}
