package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// graph makes tasks of "a: b c", each line a task and what it depends on.
func graph(lines ...string) (req task.Request) {
	for _, line := range lines {
		id, deps, _ := strings.Cut(line, ":")
		req.Tasks = append(req.Tasks, task.RequestTask{ID: id, Prompt: "x", DependsOn: strings.Fields(deps)})
	}
	return req
}

func TestDependenciesThatCouldNeverStartAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		tasks []string
		want  []string // where: part of what
	}{
		{"a chain, written backwards", []string{"c: b", "b: a", "a:"}, nil},
		{"a diamond", []string{"a:", "b: a", "c: a", "d: b c"}, nil},
		{"an unknown task", []string{"a: nobody"}, []string{`tasks[0].depends_on[0]: "nobody" is no task of this request.`}},
		{"another case", []string{"a:", "b: A"}, []string{`tasks[1].depends_on[0]: "A" is no task of this request.`}},
		{"itself", []string{"a: a"}, []string{`tasks[0].depends_on[0]: The task "a" depends on itself.`}},
		{"twice", []string{"a:", "b: a a"}, []string{`tasks[1].depends_on[1]: "a" stands there twice.`}},
		{"two of each other", []string{"a: b", "b: a"}, []string{"tasks[0].depends_on: The tasks wait for each other: a -> b -> a."}},
		{"a cycle behind a task that is in none", []string{"x: b", "b: c", "c: d", "d: b"}, []string{"tasks[1].depends_on: The tasks wait for each other: b -> c -> d -> b."}},
		{"two cycles", []string{"a: b", "b: a", "c: d", "d: c"}, []string{
			"tasks[0].depends_on: The tasks wait for each other: a -> b -> a.", "tasks[2].depends_on: The tasks wait for each other: c -> d -> c.",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compile(graph(c.tasks...), config.Default(), made)
			var got []string
			for _, r := range task.Refusals(err) {
				got = append(got, r.Where+": "+r.What)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A request is refused for a cycle just if there is no order in which its tasks
// could be started.
func TestACycleIsFoundJustIfThereIsOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + rng.IntN(8)
		var lines []string
		for i := range n {
			line := fmt.Sprintf("t%d:", i)
			for j := range n {
				if i != j && rng.IntN(n+1) == 0 {
					line += fmt.Sprintf(" t%d", j)
				}
			}
			lines = append(lines, line)
		}
		req := graph(lines...)
		_, err := Compile(req, config.Default(), made)
		if startable(req.Tasks) != (err == nil) {
			t.Fatalf("%q: %v", lines, err)
		}
	}
}

// startable takes away tasks that wait for nothing until none is left.
func startable(tasks []task.RequestTask) bool {
	done := map[string]bool{}
	for len(done) < len(tasks) {
		before := len(done)
		for _, t := range tasks {
			if !slices.ContainsFunc(t.DependsOn, func(id string) bool { return !done[id] }) {
				done[t.ID] = true
			}
		}
		if len(done) == before {
			return false
		}
	}
	return true
}
