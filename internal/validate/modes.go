package validate

import (
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The modes that git gives to the entries of a tree.
const (
	modeFile    = 0o100644
	modeExec    = 0o100755
	modeLink    = 0o120000
	modeGitlink = 0o160000
)

// gitlinks finds submodules. A gitlink names a commit that is not in the patch,
// so whoever applies it takes something that nobody has reviewed.
func gitlinks(files []task.Change) []task.Finding {
	var found []task.Finding
	for _, c := range files {
		f := task.Finding{Rule: "gitlink", Evidence: c.Path}
		switch {
		case present(c) && c.NewMode == modeGitlink:
			f.Severity = task.SeverityError
			f.Detail = show(c.Path) + " points to a commit of another repository (a submodule), which the patch does not hold."
		case c.OldMode == modeGitlink:
			f.Severity = task.SeverityWarning
			f.Detail = fmt.Sprintf("The submodule %s was %s.", show(c.Path), verb(c))
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// modes finds files that became executable or stopped being so, files that
// became symlinks or the other way round, and modes that git does not write.
func modes(files []task.Change) []task.Finding {
	var found []task.Finding
	for _, c := range files {
		if !present(c) {
			continue
		}
		f := task.Finding{Rule: "mode-change", Severity: task.SeverityInfo, Evidence: c.Path}
		name := show(c.Path)
		switch {
		case !known(c.NewMode):
			f.Severity = task.SeverityError
			f.Detail = fmt.Sprintf("%s has the mode %o, which git does not use.", name, c.NewMode)
		case c.NewMode == modeExec && c.OldMode == 0:
			f.Detail = name + " is new and executable."
		case c.NewMode == modeExec && c.OldMode != modeExec:
			f.Detail = name + " became executable."
		case c.NewMode == modeFile && c.OldMode == modeExec:
			f.Detail = name + " is no longer executable."
		case c.NewMode == modeLink && c.OldMode != 0 && c.OldMode != modeLink:
			f.Detail = name + " was a file and is now a symlink."
		case c.NewMode != modeLink && c.OldMode == modeLink:
			f.Detail = name + " was a symlink and is now a file."
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

func known(mode uint32) bool {
	switch mode {
	case modeFile, modeExec, modeLink, modeGitlink:
		return true
	}
	return false
}
