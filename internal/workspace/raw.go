package workspace

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// rawChange is one entry of git diff-tree --raw, with the object on its new side.
type rawChange struct {
	task.Change
	newOID string
}

// changedGitlink finds a submodule among the changes, new, gone or moved on.
func changedGitlink(changes []rawChange) (path string, ok bool) {
	for _, c := range changes {
		if c.OldMode == modeGitlink || c.NewMode == modeGitlink {
			return c.Path, true
		}
	}
	return "", false
}

// parseDiff reads what git diff-tree -z --raw --numstat prints: first all raw
// entries, then all counts.
//
//	:100644 100644 <oid> <oid> M NUL path NUL
//	:100644 100644 <oid> <oid> R086 NUL old NUL new NUL
//	12 TAB 3 TAB path NUL
//	- TAB - TAB NUL old NUL new NUL
func parseDiff(out []byte) ([]rawChange, error) {
	fields := splitNul(out)
	var changes []rawChange
	position := map[string]int{}
	for len(fields) > 0 {
		var err error
		var n int
		if len(fields[0]) > 0 && fields[0][0] == ':' {
			var c rawChange
			if c, n, err = parseRaw(fields); err == nil {
				position[c.Path] = len(changes)
				changes = append(changes, c)
			}
		} else {
			var path string
			var binary bool
			if path, binary, n, err = parseCount(fields); err == nil {
				i, ok := position[path]
				if !ok {
					return nil, fmt.Errorf("read changes: git counted %q, which it did not list", path)
				}
				changes[i].Binary = binary
			}
		}
		if err != nil {
			return nil, err
		}
		fields = fields[n:]
	}
	return changes, nil
}

// parseRaw reads one raw entry and says how many fields it had.
func parseRaw(fields [][]byte) (c rawChange, n int, err error) {
	words := bytes.Split(fields[0], []byte(" "))
	if len(words) != 5 || len(words[4]) == 0 || len(fields) < 2 {
		return c, 0, fmt.Errorf("read changes: git answered %q", fields[0])
	}
	oldMode, err := strconv.ParseUint(string(words[0][1:]), 8, 32)
	if err != nil {
		return c, 0, fmt.Errorf("read changes: %w", err)
	}
	newMode, err := strconv.ParseUint(string(words[1]), 8, 32)
	if err != nil {
		return c, 0, fmt.Errorf("read changes: %w", err)
	}
	c.OldMode, c.NewMode, c.newOID = uint32(oldMode), uint32(newMode), string(words[3])
	c.Path, n = string(fields[1]), 2
	switch words[4][0] {
	case 'A':
		c.Kind = task.Added
	case 'M':
		c.Kind = task.Modified
	case 'D':
		c.Kind = task.Deleted
	case 'T':
		c.Kind = task.TypeChanged
	case 'R':
		if len(fields) < 3 {
			return c, 0, fmt.Errorf("read changes: %q has no second path", fields[0])
		}
		c.Kind, c.OldPath, c.Path, n = task.Renamed, string(fields[1]), string(fields[2]), 3
	default:
		return c, 0, fmt.Errorf("read changes: git answered %q", fields[0])
	}
	return c, n, nil
}

// parseCount reads one entry of numstat and says how many fields it had. A
// binary file has dashes instead of numbers.
func parseCount(fields [][]byte) (path string, binary bool, n int, err error) {
	words := bytes.SplitN(fields[0], []byte("\t"), 3)
	if len(words) != 3 {
		return "", false, 0, fmt.Errorf("read changes: git answered %q", fields[0])
	}
	binary = string(words[0]) == "-"
	if len(words[2]) > 0 {
		return string(words[2]), binary, 1, nil
	}
	if len(fields) < 3 {
		return "", false, 0, fmt.Errorf("read changes: %q has no paths", fields[0])
	}
	return string(fields[2]), binary, 3, nil
}
