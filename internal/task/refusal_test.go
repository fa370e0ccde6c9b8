package task_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestRefusalsAreFoundWhereverTheyHide(t *testing.T) {
	a := &task.Refusal{What: "a.", Mend: "Do A."}
	b := &task.Refusal{Where: "tasks[1]", What: "b.", Err: errors.New("cause")}
	err := fmt.Errorf("outer: %w", errors.Join(fmt.Errorf("inner: %w", a), errors.New("other"), b))

	got := task.Refusals(err)
	if len(got) != 2 || got[0] != a || got[1] != b {
		t.Fatalf("got %v, want a and b in order", got)
	}
	if want := "tasks[1]: b."; b.Error() != want {
		t.Errorf("got %q, want %q", b.Error(), want)
	}
	if want := "a. Do A."; a.Error() != want {
		t.Errorf("got %q, want %q", a.Error(), want)
	}
	if got := task.Refusals(errors.New("machinery")); got != nil {
		t.Errorf("a plain error gave %v", got)
	}
	if got := task.Refusals(nil); got != nil {
		t.Errorf("nil gave %v", got)
	}
}
