package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// sectionFiles are the sections of a task that are files of the journal, redacted
// when they were written.
var sectionFiles = map[task.Section]string{
	task.SectionResult:     task.FileResult,
	task.SectionTranscript: task.FileTranscript,
	task.SectionStdout:     task.FileTranscript,
	task.SectionStderr:     task.FileStderr,
	task.SectionGuard:      task.FileGuard,
	task.SectionGateway:    task.FileGateway,
	task.SectionVerify:     task.FileVerify,
	task.SectionRollout:    task.FileRollout,
}

const (
	pageBytes  = 20_000
	pageEvents = 200
)

// Page reads a piece of what the journal keeps of a run.
func (s *service) Page(ctx context.Context, dir string, req task.PageRequest) (task.Page, error) {
	at, err := s.find(ctx, dir)
	if err != nil {
		return task.Page{}, err
	}
	run, err := at.journal().Load(req.RunID)
	if err != nil {
		return task.Page{}, err
	}
	if req.Limit <= 0 {
		req.Limit = pageBytes
	}
	page := task.Page{RunID: run.Record.RunID, TaskID: req.TaskID, Section: req.Section}
	if req.TaskID == "" {
		err = runPage(&page, run, req)
		return page, err
	}
	err = s.taskPage(ctx, &page, run, req)
	return page, err
}

// runPage reads a section of a run as a whole.
func runPage(page *task.Page, run *journal.Saved, req task.PageRequest) error {
	switch req.Section {
	case task.SectionEvents:
		return eventPage(page, run, req)
	case task.SectionResult:
		return filePage(page, run.Dir, task.FileResult, req)
	default:
		return &task.Refusal{
			Where: "task_id", What: fmt.Sprintf("The section %q is a task's, and no task is named.", req.Section),
			Mend: "Name one of " + strings.Join(taskIDs(run), ", ") + ".",
		}
	}
}

func (s *service) taskPage(ctx context.Context, page *task.Page, run *journal.Saved, req task.PageRequest) error {
	if known := taskIDs(run); !slices.Contains(known, req.TaskID) {
		return task.NoSuchTask("task_id", run.Record.RunID, req.TaskID, known)
	}
	dir, err := run.Task(req.TaskID)
	if err != nil {
		return err
	}
	if req.Section == task.SectionPatch {
		return s.patchPage(ctx, page, dir, req)
	}
	name, ok := sectionFiles[req.Section]
	if !ok {
		return &task.Refusal{
			Where: "section", What: fmt.Sprintf("A task has no section %q.", req.Section),
			Mend: "It has result, transcript, stdout, stderr, patch, guard, gateway, verify and rollout.",
		}
	}
	return filePage(page, dir, name, req)
}

// filePage reads a piece of a file. One that is not there is empty: a task that
// wrote nothing, or has not begun.
func filePage(page *task.Page, dir journal.Dir, name string, req task.PageRequest) error {
	var err error
	page.Text, page.Next, page.Total, page.More, err = dir.ReadPage(name, req.Cursor, req.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	page.Path = dir.Path(name)
	return err
}

// patchPage reads a piece of a patch. The file is what Codex left, byte for byte;
// what is shown is redacted, and the cursor counts what is shown.
func (s *service) patchPage(ctx context.Context, page *task.Page, dir journal.Dir, req task.PageRequest) error {
	patch, err := dir.Read(task.FilePatch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	page.Path = dir.Path(task.FilePatch)
	hide, err := s.hide(ctx)
	if err != nil {
		return err
	}
	text, complete := hide.Clean(strings.ToValidUTF8(string(patch), "\uFFFD"))
	if !complete {
		return &task.Refusal{
			What: "The patch is too large to be searched for secrets, and is not shown.",
			Mend: "Read it where it is: " + page.Path + ".",
		}
	}
	page.Text, page.Next, page.Total, page.More, err = journal.PageOf(text, req.Cursor, req.Limit)
	return err
}

// hide is a redactor for what is read back.
func (s *service) hide(ctx context.Context) (redactor, error) {
	model, err := s.openModel() //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
	if err != nil {
		return redactor{}, err
	}
	return model.redactor(ctx)
}

// eventPage reads events, one JSON line each.
func eventPage(page *task.Page, run *journal.Saved, req task.PageRequest) error {
	events, total, err := run.Events(req.Cursor, pageEvents)
	if err != nil {
		return err
	}
	var b strings.Builder
	page.Next, page.Total, page.Path = req.Cursor, total, run.Path(task.FileEvents)
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		line = append(line, '\n')
		if b.Len() > 0 && b.Len()+len(line) > req.Limit {
			break
		}
		b.Write(line)
		page.Next = e.N
	}
	page.Text, page.More = b.String(), page.Next < total
	return nil
}

func taskIDs(run *journal.Saved) []string {
	ids := make([]string, 0, len(run.Record.Plan.Tasks))
	for _, spec := range run.Record.Plan.Tasks {
		ids = append(ids, spec.ID)
	}
	return ids
}
