//go:build integration

package integration

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTask is one trivial task from tools/call to its result: all that the
// runner adds, since the scripted model answers at once.
func BenchmarkTask(b *testing.B) {
	h := newHost(b, conversation("", say("Done.")))
	s := h.serve()
	for b.Loop() {
		s.run("x")
	}
}

// BenchmarkEightTasks shows what running at once is worth on this machine.
func BenchmarkEightTasks(b *testing.B) {
	for _, concurrency := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			h := newHost(b, conversation("", run("sleep 1"), say("Done.")))
			s := h.serve()
			var tasks []any
			for i := range 8 {
				tasks = append(tasks, map[string]any{"task_id": fmt.Sprint(i), "prompt": "x"})
			}
			for b.Loop() {
				s.start(map[string]any{"concurrency": concurrency, "tasks": tasks}).result()
			}
		})
	}
}

// BenchmarkTwentyThousandFiles has the worktree's and the collector's share in
// it: the difference to BenchmarkTask. Its phases are read from the progress.
func BenchmarkTwentyThousandFiles(b *testing.B) {
	h := newHost(b, conversation("", patch(fixSum), say("Done.")))
	h.many(20_000)
	s := h.serve()
	var total time.Duration
	for b.Loop() {
		r := s.run("x")
		total += time.Duration(r.DurationMS) * time.Millisecond
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/task")
}
