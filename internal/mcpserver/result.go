package mcpserver

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxResult is what a result may measure, in UTF-16 code units, in each of its
// two forms. Claude Code 2.1.330 replaces longer ones by a preview (from 50,000
// characters or 25,000 tokens on), and other clients have limits of their own.
const maxResult = 40_000

// runResult tells a run in both forms that a client may show, each with every
// fact: structured content and text. Tasks that failed are no error here, since
// on errors clients drop the structured content.
func runResult(r task.RunResult) *mcp.CallToolResult {
	r = tidy(r)
	links := patchLinks(r)
	c := fit(maxResult, func(c caps) bool {
		cut := cutRun(r, c)
		if weight(cut) > 3*maxResult { // no code unit takes more than three bytes
			return false
		}
		room := maxResult - 1 - jsonWidth(links[:min(len(links), c.links)], maxResult)
		return room >= 0 && jsonWidth(cut, room) <= room && width(runText(cut)) <= room
	})
	cut := cutRun(r, c)
	content := []mcp.Content{mcp.NewTextContent(runText(cut))}
	for _, l := range links[:min(len(links), c.links)] {
		content = append(content, l)
	}
	return &mcp.CallToolResult{Content: content, StructuredContent: cut}
}

// weight is a lower bound of a result's size, in bytes, that costs next to
// nothing: most caps that are tried are far too large.
func weight(r task.RunResult) int {
	n := 0
	for i := range r.Results {
		t := &r.Results[i]
		n += len(t.Patch) + len(t.Summary) + len(t.Logs.Tail) + len(t.ApplyCheckLog) + len(t.NotesForManager)
		for _, s := range t.Evidence {
			n += len(s)
		}
		for _, s := range t.FilesChanged {
			n += len(s)
		}
		for _, c := range t.CommandsRun {
			n += len(c.Cmd)
		}
		for _, f := range t.Findings {
			n += len(f.Detail) + len(f.Evidence)
		}
	}
	return n
}

// patchLinks are links to the whole patches, for clients that follow links.
func patchLinks(r task.RunResult) []mcp.ResourceLink {
	links := []mcp.ResourceLink{}
	for _, t := range r.Results {
		if t.PatchPath != "" {
			uri := url.URL{Scheme: "file", Path: t.PatchPath}
			links = append(links, mcp.NewResourceLink(uri.String(), t.TaskID+".patch", "The whole patch.", "text/x-diff"))
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
