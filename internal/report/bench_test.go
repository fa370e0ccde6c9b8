package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// large is a run of n tasks, each with a patch of about that many bytes.
func large(t testing.TB, n, bytes int) Run {
	t.Helper()
	r := sample(t)
	first, spec := r.Result.Results[0], r.Plan.Tasks[0]
	r.Result.Results, r.Plan.Tasks, r.Events = nil, nil, nil
	var patch strings.Builder
	for i := 0; patch.Len() < bytes; i++ {
		body := strings.Repeat("+\tif err := run(ctx, \"a string\", 42); err != nil { // why\n+\t\treturn fmt.Errorf(\"run: %w\", err)\n+\t}\n", 100)
		fmt.Fprintf(&patch, "diff --git a/p%d/f.go b/p%d/f.go\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/p%d/f.go\n@@ -0,0 +1,300 @@\n%s", i, i, i, body)
	}
	whole := patch.String()
	first.Patch = whole
	for i := range n {
		first.TaskID, spec.ID = fmt.Sprintf("task-%02d", i), fmt.Sprintf("task-%02d", i)
		r.Result.Results = append(r.Result.Results, first)
		r.Plan.Tasks = append(r.Plan.Tasks, spec)
		for k, s := range []task.State{task.Queued, task.Preparing, task.Running, task.Checking, task.Done} {
			r.Events = append(r.Events, task.Event{Time: r.CreatedAt.Add(time.Duration(i+k*60) * time.Second), Task: task.TaskProgress{ID: first.TaskID, State: s}})
		}
	}
	return r
}

// Fifty tasks with patches far beyond what a report shows must stay a page that
// opens at once.
func TestALargeRunStaysSmall(t *testing.T) {
	page, err := HTML(large(t, 50, 256<<10))
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > 6<<20 {
		t.Errorf("the page has %s", size(len(page)))
	}
}

func BenchmarkHTML(b *testing.B) {
	for _, c := range []struct{ tasks, bytes int }{{4, 4 << 10}, {50, 20 << 10}, {50, 1 << 20}} {
		b.Run(fmt.Sprintf("%d-tasks-of-%d-KiB", c.tasks, c.bytes>>10), func(b *testing.B) {
			r := large(b, c.tasks, c.bytes)
			var page []byte
			for b.Loop() {
				var err error
				if page, err = HTML(r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(page))/(1<<20), "MiB-of-page")
		})
	}
}
