package policy

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

var (
	descriptor = regexp.MustCompile(`^([0-9]|-)$`)
	delimiter  = regexp.MustCompile(`^([A-Za-z0-9_]+|'[A-Za-z0-9_]+'|"[A-Za-z0-9_]+")$`)
)

// redirection decides about one redirection of a command that is judged apart.
func (c *checker) redirection(r *syntax.Redirect) *refused {
	if r.N != nil && !descriptor.MatchString(r.N.Value) {
		return no(r, "this redirection is not allowed", "use >, >>, <, 2>&1 or 2>/dev/null")
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		return c.hereDocument(r)
	case syntax.RdrOut, syntax.AppOut, syntax.RdrIn, syntax.DplOut, syntax.DplIn:
	default: // &> is a background job to dash, <<< a mistake; <> and >| also write
		return no(r, fmt.Sprintf("the redirection %s is not allowed", r.Op), "use >, >>, <, 2>&1 or 2>/dev/null")
	}
	w, bad := readWord(r.Word)
	if bad != nil {
		return bad
	}
	if !w.literal {
		return no(r, "a redirection to a name with wildcards or variables is not allowed", "write the name out")
	}
	switch r.Op {
	case syntax.DplOut, syntax.DplIn:
		if !descriptor.MatchString(w.text) {
			return no(r, "this redirection is not allowed", "use > file or 2>&1")
		}
	case syntax.RdrIn:
		// bash opens network connections under /dev/tcp and /dev/udp.
		if w.text != "/dev/null" && strings.HasPrefix(path.Clean(w.text), "/dev") {
			return no(r, "reading from a device is not allowed", "read a file")
		}
	default:
		if w.text != "/dev/null" && !c.inWorkspace(w.text) {
			return no(r, fmt.Sprintf("output may only go to /dev/null or to an absolute path in %s", c.rules.WorkspaceDir), "leave the redirection out, or edit the file with apply_patch")
		}
	}
	return nil
}

// inWorkspace says whether an absolute path is below the workspace and not in
// .git. It goes by the name: links are the container's concern.
func (c *checker) inWorkspace(name string) bool {
	below, ok := strings.CutPrefix(name, c.rules.WorkspaceDir+"/")
	return ok && path.IsAbs(c.rules.WorkspaceDir) && cleanPath(below)
}

// hereDocument takes text that no shell changes. An unquoted delimiter lets
// shells expand the text, and bash joins lines that end in a backslash before it
// looks for the delimiter, so that the text may end earlier than it seems.
func (c *checker) hereDocument(r *syntax.Redirect) *refused {
	word := c.source(r.Word)
	if !delimiter.MatchString(word) {
		return no(r, "this here-document delimiter is not allowed", "write <<'EOF'")
	}
	if r.Hdoc == nil {
		return nil
	}
	quoted := strings.ContainsAny(word, `'"`)
	if body := c.script[r.Hdoc.Pos().Offset():r.Hdoc.End().Offset()]; !quoted && strings.ContainsAny(body, "\\$`") {
		return no(r, "a here-document with expansions is not allowed", "quote the delimiter: <<'EOF'")
	}
	return nil
}
