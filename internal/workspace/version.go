package workspace

import (
	"context"
	"log/slog"
	"strings"
)

// GitVersion is that of the git that would be used, as git tells it. The error is
// a *task.Refusal if there is none, or it is too old.
func GitVersion(ctx context.Context, log *slog.Logger) (string, error) {
	g, err := findGit(ctx, Options{Log: log})
	if err != nil {
		return "", err
	}
	out, err := g.run(ctx, call{args: []string{"version"}})
	return strings.TrimPrefix(strings.TrimSpace(string(out.stdout)), "git version "), err
}
