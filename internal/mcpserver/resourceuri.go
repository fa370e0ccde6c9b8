package mcpserver

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// resourcePrefix is how all our resources begin.
const resourcePrefix = "codex://runs/"

// The templates of our resources: sections of a task, and of a run as a whole.
const (
	taskTemplate = resourcePrefix + "{run}/{task}/{section}{?offset}"
	runTemplate  = resourcePrefix + "{run}/{section}{?offset}"
)

// resourceType is what a section is, for a client that shows it.
type resourceType struct {
	section task.Section
	mime    string
}

// taskSections and runSections are those that are resources. get_codex_run has more.
var (
	taskSections = []resourceType{
		{task.SectionPatch, "text/x-diff"},
		{task.SectionTranscript, "application/jsonl"},
		{task.SectionStdout, "application/jsonl"},
		{task.SectionStderr, "text/plain"},
		{task.SectionReport, "text/markdown"},
	}
	runSections = []resourceType{
		{task.SectionReport, "text/markdown"},
		{task.SectionEvents, "application/jsonl"}, // offset counts events
	}
)

// resourceRef names a piece of what is kept of a run.
type resourceRef struct {
	run, task string // task is empty for sections of a run
	kind      resourceType
	offset    int64
}

// String is the one way in which we write it.
func (r resourceRef) String() string {
	var b strings.Builder
	b.WriteString(resourcePrefix + url.PathEscape(r.run) + "/")
	if r.task != "" {
		b.WriteString(url.PathEscape(r.task) + "/")
	}
	b.WriteString(string(r.kind.section))
	if r.offset > 0 {
		b.WriteString("?offset=" + strconv.FormatInt(r.offset, 10))
	}
	return b.String()
}

// parseResource reads a URI of ours. It takes no other spelling than the templates
// give, but that a client may percent-encode what it need not; an id is one of
// letters, digits and "._-" after that, so that it can be no path. The error is a
// sentence for the caller.
func parseResource(uri string) (resourceRef, error) {
	var ref resourceRef
	rest, ok := strings.CutPrefix(uri, resourcePrefix)
	if !ok {
		return ref, fmt.Errorf("a resource of this server begins with %s", resourcePrefix)
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	parts := strings.Split(path, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return ref, fmt.Errorf("%q is not percent-encoded as it should be", oneLine(part, 80))
		}
		parts[i] = plain
	}
	sections := taskSections
	switch len(parts) {
	case 2:
		ref.run, sections = parts[0], runSections
	case 3:
		ref.run, ref.task = parts[0], parts[1]
		if !validID(ref.task) {
			return ref, fmt.Errorf("%q cannot be a task's id", oneLine(ref.task, 80))
		}
	default:
		return ref, fmt.Errorf("a resource of this server is %s or %s", taskTemplate, runTemplate)
	}
	if !validID(ref.run) {
		return ref, fmt.Errorf("%q cannot be a run's id", oneLine(ref.run, 80))
	}
	name := parts[len(parts)-1]
	for _, s := range sections {
		if string(s.section) == name {
			ref.kind = s
		}
	}
	if ref.kind.section == "" {
		return ref, fmt.Errorf("there is no section %q here; there is %s", oneLine(name, 80), sectionNames(sections))
	}
	if !hasQuery {
		return ref, nil
	}
	digits, ok := strings.CutPrefix(query, "offset=")
	n, err := strconv.ParseUint(digits, 10, 53) // what survives a JSON number
	if !ok || err != nil {
		return ref, fmt.Errorf("%q is not offset= and a whole number, the only query there is", oneLine(query, 80))
	}
	ref.offset = int64(n)
	return ref, nil
}

func sectionNames(all []resourceType) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s.section)
	}
	return strings.Join(names, ", ")
}
