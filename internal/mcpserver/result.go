package mcpserver

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxResult is what a result may measure, in UTF-16 code units, in each of its
// two forms. Claude Code 2.1.330 replaces longer ones by a preview (from 50,000
// characters or 25,000 tokens on), and other clients have limits of their own.
const maxResult = 40_000

// runResult tells a run. Tasks that failed are no error here, since on errors
// clients drop the structured content.
func runResult(r task.RunResult) *mcp.CallToolResult {
	return wrappedRun(r, func(r task.RunResult) task.RunResult { return r }, runText)
}

// wrappedRun tells a run as a part of what wrap makes of it.
func wrappedRun[T any](r task.RunResult, wrap func(task.RunResult) T, text func(T) string) *mcp.CallToolResult {
	r = tidy(r)
	return fitted(patchLinks(r), func(c caps) T { return wrap(cutRun(r, c)) }, text)
}

// fitted tells a value in both forms that a client may show, structured content
// and text, each with every fact and within maxResult. cut gives the value within
// caps; of those that fit, the largest is told, with as many links as fit too.
func fitted[T any](links []mcp.ResourceLink, cut func(caps) T, text func(T) string) *mcp.CallToolResult {
	linked := func(c caps) []mcp.ResourceLink { return links[:min(len(links), c.links)] }
	c := fit(maxResult, func(c caps) bool {
		v := cut(c)
		if atLeast(reflect.ValueOf(v)) > 3*maxResult { // no code unit takes more than three bytes
			return false
		}
		room := maxResult - 1 - jsonWidth(linked(c), maxResult)
		return room >= 0 && jsonWidth(v, room) <= room && width(text(v)) <= room
	})
	v := cut(c)
	content := []mcp.Content{mcp.NewTextContent(text(v))}
	for _, l := range linked(c) {
		content = append(content, l)
	}
	return &mcp.CallToolResult{Content: content, StructuredContent: v}
}

// atLeast is a lower bound of a value's size as JSON, in bytes, that costs next
// to nothing: most caps that are tried are far too large.
func atLeast(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Slice:
		for i := range v.Len() {
			n += atLeast(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return atLeast(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += atLeast(v.Field(i))
		}
	}
	return n
}

// patchLinks are links to the whole patches, for clients that follow links.
func patchLinks(r task.RunResult) []mcp.ResourceLink {
	links := []mcp.ResourceLink{}
	for _, t := range r.Results {
		if t.PatchPath != "" {
			links = append(links, mcp.NewResourceLink(resourceRef{run: r.RunID, task: t.TaskID, kind: taskSections[0]}.String(), t.TaskID+".patch", "The whole patch.", "text/x-diff"))
		}
	}
	return links
}

// jsonWidth is how long v is as JSON, in UTF-16 code units and without the
// escapes for HTML, which clients undo. Far beyond limit it is not exact.
func jsonWidth(v any, limit int) int {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return limit + 1
	}
	if b.Len() > 3*limit { // no code unit takes more than three bytes
		return limit + 1
	}
	return width(b.String()) - 1 // Encode ends with a line break
}
