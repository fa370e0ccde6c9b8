package workspace

import (
	"bytes"
	"context"
	"fmt"
)

// Dirty lists what differs from HEAD in the user's own checkout, untracked
// files included: the first limit paths, and how many there are. A directory
// that is untracked as a whole counts once. It does not touch the index.
func (r *Repository) Dirty(ctx context.Context, limit int) (paths []string, total int, err error) {
	out, err := r.git.run(ctx, call{dir: r.root, args: []string{
		"--no-optional-locks", "-c", "core.fsmonitor=false",
		"status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty",
	}})
	if err != nil {
		return nil, 0, fmt.Errorf("look for changes in %s: %w", r.root, err)
	}
	for _, field := range splitNul(out.stdout) {
		// Two letters of status, a space, the path.
		if len(field) < 4 || bytes.IndexByte(field, ' ') < 0 {
			return nil, 0, fmt.Errorf("look for changes in %s: git answered %q", r.root, field)
		}
		total++
		if len(paths) < limit {
			paths = append(paths, string(field[3:]))
		}
	}
	return paths, total, nil
}
