package review_test

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
)

const cycleSentence = "These tasks wait for each other"

// cyclic peels off nodes that wait for nothing until none is left or none can go.
func cyclic(graph [][]int) bool {
	gone := make([]bool, len(graph))
	for range graph {
		peeled := false
		for i, needs := range graph {
			free := !gone[i]
			for _, need := range needs {
				free = free && gone[need]
			}
			if free {
				gone[i], peeled = true, true
			}
		}
		if !peeled {
			break
		}
	}
	for _, g := range gone {
		if !g {
			return true
		}
	}
	return false
}

// FuzzAnalyse: whatever the text, a cycle is reported if and only if the graph
// that was read has one, and every sentence can be shown.
func FuzzAnalyse(f *testing.F) {
	for _, name := range planFiles(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("1. a depends on 2\n2. b depends on 1\n3. c depends on 3-1")
	f.Add("1.1 A, after 2\n1. B\n2. C, depends on 1.1 and 1")
	f.Add("Phase 1: x depends on phase 2\n- [ ] T1 a\nPhase 2: y\n- [ ] T2 depends on T1, T1-T99")
	f.Add("T1: \nT1: b\nT2 - depends on the previous task, blocks T1")
	f.Add("|#|Task|Depends on|\n|-|-|-|\n|1|a|2|\n|2|b|Task 1|")
	f.Add("1. a, 2번 이후\n2. b, 작업 1이 끝난 뒤, 작업 3과 병렬로\n3. c, 1~2번 완료 후")
	f.Add("tasks:\n - &a {task_id: a, prompt: x, depends_on: [b]}\n - {<<: *a, task_id: b, depends_on: [a]}\n")
	f.Add("{\"tasks\":[{\"id\":1,\"prompt\":\"x\",\"deps\":2},{\"id\":2,\"prompt\":\"y\",\"deps\":[1]}]}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		report := review.Analyse(text)
		said := strings.Contains(strings.Join(report.DependencyIssues, "\n"), cycleSentence)
		full := len(report.DependencyIssues) == 40 // the cycle may be beyond the end
		if want := cyclic(review.Graph(text)); said != want && !full {
			t.Errorf("cycle said: %v, there: %v", said, want)
		}
		for _, list := range [][]string{
			report.MissingTasks, report.DependencyIssues, report.ParallelizationSuggestions,
			report.TestGaps, report.RiskFlags, report.RecommendedTaskSplits,
		} {
			if list == nil || len(list) > 40 {
				t.Errorf("a list of %d, nil: %v", len(list), list == nil)
			}
			for _, s := range list {
				if s == "" || len([]rune(s)) > 801 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q", s)
				}
			}
		}
	})
}

func BenchmarkAnalyse(b *testing.B) {
	text, err := os.ReadFile("testdata/plans/speckit.md")
	if err != nil {
		b.Fatal(err)
	}
	for name, plan := range map[string]string{
		"usual": string(text),
		// The dearest that was found: a cue, again and again, on one line.
		"worst": ("1. a\n2. " + strings.Repeat("depends on ", review.MaxPlanBytes))[:review.MaxPlanBytes],
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plan)))
			for b.Loop() {
				review.Analyse(plan)
			}
		})
	}
}
