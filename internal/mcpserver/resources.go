package mcpserver

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// resourceRoom is what an answer needs beside the text of a piece: its URI and the
// one of the next, which may be percent-encoded, and the words around them.
const resourceRoom = 2000

// listedRuns is how many runs have their report in resources/list.
const listedRuns = 20

// addResources offers what is kept of runs as resources. mcp-go matches URIs to
// the templates; what they mean is read by parseResource.
func (s *Server) addResources() {
	s.mcp.AddResourceTemplate(mcp.NewResourceTemplate(taskTemplate, "codex-task",
		mcp.WithTemplateTitle("A section of a task"),
		mcp.WithTemplateDescription("What is kept of one task of a Codex run. section is one of "+sectionNames(taskSections)+
			". A long section comes in pieces: offset is where to start, in bytes, and each piece names the next.")),
		s.readResource)
	s.mcp.AddResourceTemplate(mcp.NewResourceTemplate(runTemplate, "codex-run",
		mcp.WithTemplateTitle("A section of a run"),
		mcp.WithTemplateDescription("What is kept of a Codex run as a whole. section is one of "+sectionNames(runSections)+
			". A long section comes in pieces: offset is where to start, in bytes or, for events, in events, and each piece names the next.")),
		s.readResource)
}

// listResources fills in resources/list, which mcp-go holds for fixed: the reports
// of the newest runs, the newest first.
func (s *Server) listResources(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, list *mcp.ListResourcesResult) {
	list.Resources = []mcp.Resource{}
	for _, r := range s.newestRuns(ctx, listedRuns) {
		ref := resourceRef{run: r.RunID, kind: runSections[0]}
		list.Resources = append(list.Resources, mcp.NewResource(ref.String(), r.RunID,
			mcp.WithResourceTitle("Codex run "+r.RunID),
			mcp.WithResourceDescription(fmt.Sprintf("Report of a run of %s: %s, %d done, %d success.",
				count(r.Tasks, "task"), r.Status, r.Done, r.Succeeded)),
			mcp.WithMIMEType(ref.kind.mime)))
	}
}

// newestRuns are at most n runs that can be named in a URI. That there are none to
// be found is not worth an error to somebody who has not asked for any of them.
func (s *Server) newestRuns(ctx context.Context, n int) []task.RunSummary {
	repo, err := s.likelyRepository(ctx)
	if err != nil {
		return nil
	}
	all, err := s.backend.Runs(ctx, repo)
	if err != nil {
		s.log.Debug("runs are not listed", "repo", repo, "error", err)
		return nil
	}
	var newest []task.RunSummary
	for _, r := range all {
		if len(newest) < n && validID(r.RunID) {
			newest = append(newest, r)
		}
	}
	return newest
}

// readResource gives a piece of a section. Where there is more, a second content
// says so, under the URI of what follows: the texts of the first contents, one
// after the other, are the section.
func (s *Server) readResource(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	ref, err := parseResource(req.Params.URI)
	if err != nil {
		return nil, noResource(ctx, req.Params.URI, err)
	}
	repo, err := s.resourceRepo(ctx, ref.run, req.Params.MultiRoundTripParams)
	if err != nil {
		return nil, noResource(ctx, req.Params.URI, err)
	}
	if repo == "" {
		return nil, nil // the client is asked
	}
	p, err := s.fittingPage(ctx, repo, task.PageRequest{
		RunID: ref.run, TaskID: ref.task, Section: ref.kind.section, Cursor: ref.offset, Limit: defaultPage,
	}, func(p task.Page) bool { return jsonWidth(p.Text, maxResult) <= maxResult-resourceRoom })
	if err != nil {
		return nil, noResource(ctx, req.Params.URI, err)
	}
	next := ref
	next.offset = p.Next
	contents := []mcp.ResourceContents{mcp.TextResourceContents{
		URI: req.Params.URI, MIMEType: ref.kind.mime, Text: p.Text,
		Meta: map[string]any{"next_offset": p.Next, "total": p.Total, "more": p.More},
	}}
	if p.More {
		contents = append(contents, mcp.TextResourceContents{
			URI: next.String(), MIMEType: "text/plain",
			Text: fmt.Sprintf("There is more: this was up to %d of %d. Read %s next.", p.Next, p.Total, next),
		})
	}
	return contents, nil
}

// resourceRepo is the repository of a run: where it was met, else the one that a
// tool would work in. Empty if the client is asked for its roots first.
func (s *Server) resourceRepo(ctx context.Context, runID string, said mcp.MultiRoundTripParams) (string, error) {
	if m, ok := s.met.get(runID); ok {
		return m.repo, nil
	}
	repo, ask, err := s.repository(ctx, said)
	if ask != nil {
		result := s.resultOf(ask.ResultType)
		answerInstead(ctx, &reply{result: mcp.InputRequiredResult{Result: result, MultiRoundTripResult: ask.MultiRoundTripResult}})
	}
	return repo, err
}

// noResource has a request answered with what is wrong with it, if the caller can
// mend that, under the code that its era has for it.
func noResource(ctx context.Context, uri string, err error) error {
	if len(task.Refusals(err)) == 0 {
		if _, parsed := parseResource(uri); parsed == nil {
			return err // ours: mcp-go makes an internal error of it
		}
	}
	code := mcp.RESOURCE_NOT_FOUND
	if server.IsModernRequest(ctx) {
		code = mcp.INVALID_PARAMS
	}
	answerInstead(ctx, faultReply(code, "resource not found: "+err.Error(), map[string]any{"uri": uri}))
	return err
}
