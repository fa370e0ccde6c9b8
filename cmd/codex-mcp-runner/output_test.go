package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestJSONHasNoNullLists(t *testing.T) {
	var out bytes.Buffer
	if err := printJSON(&out, task.RunResult{Results: []task.Result{{}}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "null") || !strings.Contains(out.String(), `"files_changed": []`) {
		t.Errorf("%s", &out)
	}
	if strings.Contains(out.String(), "attempts") {
		t.Errorf("what omitempty leaves out is there: %s", &out)
	}
}

// A terminal shows JSON too: what Codex wrote must neither command nor deceive it.
func TestJSONIsVisibleAndMeansTheSame(t *testing.T) {
	const hostile = "\x1b[2J \u009b31m \u202e \u2066 \u200b \u2028 \U000e0041 \x7f \ufe0f \U000e0101 \u3164 \u2800 \u115f \ue000 \u034f <b>&é😀\n"
	var out bytes.Buffer
	if err := printJSON(&out, task.Result{Summary: hostile + "\xff"}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(out.String(), "\x1b\u009b\u202e\u2066\u200b\u2028\U000e0041\x7f\ufe0f\U000e0101\u3164\u2800\u115f\ue000\u034f"); i >= 0 {
		t.Errorf("%q", out.String()[i:])
	}
	if !strings.Contains(out.String(), "<b>&é😀") {
		t.Errorf("more is escaped than need be: %s", &out)
	}
	var back task.Result
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hostile+"\ufffd", back.Summary); diff != "" {
		t.Error(diff)
	}
}
