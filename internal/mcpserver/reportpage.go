package mcpserver

import (
	"context"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// readPage reads a piece of a section. All but the report are the backend's: that
// is the text that the tools tell, uncut, so its pieces are cut here.
func (s *Server) readPage(ctx context.Context, repo string, req task.PageRequest) (task.Page, error) {
	if req.Section != task.SectionReport {
		return s.backend.Page(ctx, repo, req)
	}
	r, err := s.look(ctx, repo, req.RunID)
	if err != nil {
		return task.Page{}, err
	}
	if r, err = onlyTask(r, req.TaskID); err != nil {
		return task.Page{}, err
	}
	p := task.Page{RunID: req.RunID, TaskID: req.TaskID, Section: req.Section}
	text := runText(tidy(r))
	p.Text, p.Next = piece(text, req.Cursor, req.Limit)
	p.Total = int64(len(text))
	p.More = p.Next < p.Total
	return p, nil
}

// piece is what follows the byte at from in a UTF-8 text, at most limit bytes but
// at least one character, and where it ends. A from within a character is that
// character's beginning; one beyond the end gives nothing.
func piece(text string, from int64, limit int) (string, int64) {
	if from >= int64(len(text)) {
		return "", max(from, 0)
	}
	start := runeStart(text, int(max(from, 0)))
	end := runeStart(text, start+min(max(limit, 1), len(text)-start))
	if end <= start {
		_, size := utf8.DecodeRuneInString(text[start:])
		end = start + size
	}
	return text[start:end], int64(end)
}

func runeStart(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}
