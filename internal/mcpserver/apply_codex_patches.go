package mcpserver

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed apply_codex_patches.input.json
var applyCodexPatchesInput []byte

const applyCodexPatchesDescription = `Apply patches of a run to the user's repository, once you have reviewed them: one commit for each task, in the order of their dependencies, on a new branch (default) or on what the user has checked out. This writes to the repository.

It is all or nothing: if one patch does not fit, nothing is changed, applied is false and conflicts names the files. It refuses tasks that are no success unless accept_unsuccessful names them, patches whose attestation does not verify, and a checkout with uncommitted changes to the same files. Try dry_run first if the result of the run says that patches do not combine.`

func (s *Server) applyCodexPatches() (server.ServerTool, error) {
	return tool[task.ApplyRequest, task.ApplyResult]{
		name: "apply_codex_patches", title: "Apply Codex patches", description: applyCodexPatchesDescription,
		input: applyCodexPatchesInput,
		// It makes commits, and with target checkout it rewrites the user's files.
		hints:  hints{destructive: true},
		search: "apply, commit or merge the patches of a Codex run onto a branch or the checkout",
		check:  func(tree any) []problem { return append(checkIDs(tree), checkBranch(tree)...) },
		do: func(ctx context.Context, repo string, in task.ApplyRequest) (*mcp.CallToolResult, error) {
			r, err := s.backend.Apply(ctx, repo, in)
			if err != nil {
				return nil, err
			}
			return applyResult(r), nil
		},
	}.build(s)
}

// checkBranch finds a name for a new branch where none would be made.
func checkBranch(tree any) []problem {
	args, _ := tree.(map[string]any)
	if name, _ := args["branch"].(string); name == "" || args["target"] != string(task.ApplyCheckout) {
		return nil
	}
	return []problem{{[]string{"branch"}, "is of use with target branch only; leave it out, or leave out target."}}
}

// applyResult tells an apply in both forms.
func applyResult(r task.ApplyResult) *mcp.CallToolResult {
	r = tidy(r)
	return fitted(nil, func(c caps) task.ApplyResult { return cutApply(r, c) }, applyText)
}

// cutApply returns a copy of r within caps.
func cutApply(r task.ApplyResult, c caps) task.ApplyResult {
	cut := false
	paths := func(list *[]string, limit int) {
		var was bool
		*list, was = cutList(*list, limit, itself)
		cut = cut || was
	}
	r.Tasks = slices.Clone(r.Tasks)
	for i := range r.Tasks {
		paths(&r.Tasks[i].FilesChanged, c.list)
		paths(&r.Tasks[i].Conflicts, c.list)
	}
	paths(&r.Conflicts, max(c.list, 200))
	paths(&r.Notes, max(c.list, 200))
	if cut {
		note := "The lists are cut to keep this result short."
		if r.Applied && !r.DryRun {
			note += " git show names all files of a commit."
		}
		r.Notes = append(r.Notes, note)
	}
	return r
}

// applyText tells an apply as text: every fact of the structured form.
func applyText(r task.ApplyResult) string {
	var b strings.Builder
	switch {
	case r.Applied && r.DryRun:
		b.WriteString("The patches fit. This was a dry run: nothing was changed.\n")
	case r.Applied:
		b.WriteString("The patches were applied.\n")
	case r.DryRun:
		b.WriteString("The patches would not be applied. This was a dry run: nothing was changed.\n")
	default:
		b.WriteString("Nothing was applied, and nothing was changed.\n")
	}
	fact(&b, "run", r.RunID)
	fact(&b, "target", string(r.Target))
	fact(&b, "branch", r.Branch)
	fact(&b, "start", r.Start)
	fact(&b, "head", r.Head)
	for _, path := range r.Conflicts {
		fact(&b, "conflict", path)
	}
	for _, n := range r.Notes {
		fact(&b, "note", n)
	}
	for _, t := range r.Tasks {
		fmt.Fprintf(&b, "\n## %s\n", t.TaskID)
		fact(&b, "commit", t.Commit)
		if t.Merged {
			b.WriteString("merged: the context had moved, and a three-way merge was needed\n")
		}
		for _, path := range t.FilesChanged {
			fact(&b, "changed", path)
		}
		for _, path := range t.Conflicts {
			fact(&b, "conflict", path)
		}
	}
	return b.String()
}
