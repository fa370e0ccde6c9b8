package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// checkDependencies refuses what could never start: a dependency that is no task
// of the request, and a cycle, which is named once, in its own order.
func (r *refusals) checkDependencies(tasks []task.RequestTask) {
	index := map[string]int{}
	for i, t := range tasks {
		index[t.ID] = i
	}
	for i, t := range tasks {
		seen := map[string]bool{}
		for j, id := range t.DependsOn {
			where := fmt.Sprintf("tasks[%d].depends_on[%d]", i, j)
			_, known := index[id]
			switch {
			case id == t.ID:
				r.add(where, fmt.Sprintf("The task %q depends on itself.", clip(id)), "Remove it from its own depends_on.")
			case !known:
				r.add(where, fmt.Sprintf("%q is no task of this request.", clip(id)), "Name a task_id of the same call; to build on an earlier run, apply its patches and use base_ref.")
			case seen[id]:
				r.add(where, fmt.Sprintf("%q stands there twice.", clip(id)), "Name each dependency once.")
			}
			seen[id] = true
		}
	}
	for _, cycle := range cycles(tasks, index) {
		names := make([]string, 0, len(cycle)+1)
		for _, i := range append(cycle, cycle[0]) {
			names = append(names, clip(tasks[i].ID))
		}
		r.add(fmt.Sprintf("tasks[%d].depends_on", cycle[0]),
			"The tasks wait for each other: "+strings.Join(names, " -> ")+".", "Remove one of these dependencies.")
	}
}

// cycles finds, for each group of tasks that wait for each other, one cycle. A
// task that depends on itself is not among them.
func cycles(tasks []task.RequestTask, index map[string]int) [][]int {
	const (
		unseen = iota
		open
		closed
	)
	state := make([]int, len(tasks))
	var path []int
	var found [][]int
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, id := range tasks[i].DependsOn {
			j, known := index[id]
			switch {
			case !known || j == i:
			case state[j] == open:
				found = append(found, slices.Clone(path[slices.Index(path, j):]))
			case state[j] == unseen:
				visit(j)
			}
		}
		path = path[:len(path)-1]
		state[i] = closed
	}
	for i := range tasks {
		if state[i] == unseen {
			visit(i)
		}
	}
	return found
}
