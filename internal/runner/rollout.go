package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// keepRollout keeps Codex's session file in the journal, if the task wants it.
// Without it the task is no worse, so an error is only worth knowing.
func (a *attempt) keepRollout(ctx context.Context, ws Workspace) {
	if a.spec.Ephemeral {
		return
	}
	if err := a.copyRollout(ctx, ws); err != nil {
		a.Log.Warn("keep rollout", "run", a.spec.RunID, "task", a.spec.ID, "err", err)
		a.aside = append(a.aside, task.Finding{
			Rule: "rollout-not-kept", Severity: task.SeverityInfo,
			Detail: fmt.Sprintf("Codex's session file could not be kept: %v.", err),
		})
	}
}

func (a *attempt) copyRollout(ctx context.Context, ws Workspace) (err error) {
	const name = task.FileRollout
	content, err := ws.Rollout(ctx, a.spec.MaxOutputBytes)
	if err != nil || len(content) == 0 {
		return err
	}
	f, err := a.record.Append(name)
	if err != nil {
		return err
	}
	hidden := a.Redact.Writer(f)
	_, err = hidden.Write(content)
	if err := errors.Join(err, hidden.Close(), f.Close()); err != nil {
		return err
	}
	a.out.rollout = a.record.Path(name)
	return nil
}
