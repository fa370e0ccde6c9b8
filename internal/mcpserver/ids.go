package mcpserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// validID says whether something can be the id of a run or a task.
func validID(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	return id != "" && len(id) <= 64 && strings.Trim(id, letters) == "" && strings.Trim(id, ".") != ""
}

// checkIDs finds what a schema cannot say of ids, in the arguments of any tool:
// new tasks whose ids are the same on a file system that ignores case, and ids
// that a path would not survive.
func checkIDs(tree any) []problem {
	args, _ := tree.(map[string]any)
	var problems []problem
	check := func(v any, path ...string) {
		if id, _ := v.(string); id != "" && strings.Trim(id, ".") == "" {
			problems = append(problems, problem{path, "is " + describe(id) + "; it must hold something else than dots."})
		}
	}
	check(args["run_id"], "run_id")
	check(args["task_id"], "task_id")
	tasks, _ := args["tasks"].([]any)
	first := map[string]int{}
	for i, t := range tasks {
		fields, _ := t.(map[string]any)
		id, ok := fields["task_id"].(string)
		if !ok {
			continue
		}
		path := []string{"tasks", strconv.Itoa(i), "task_id"}
		check(id, path...)
		if j, taken := first[strings.ToLower(id)]; taken {
			problems = append(problems, problem{path, fmt.Sprintf(
				"is %s, which tasks[%d] has already (case is ignored); it must be unique.", describe(id), j)})
			continue
		}
		first[strings.ToLower(id)] = i
	}
	return problems
}

// onlyTask leaves one task in a run's result; all if id is empty. A run that has
// just begun may not know its tasks yet.
func onlyTask(r task.RunResult, id string) (task.RunResult, error) {
	if id == "" {
		return r, nil
	}
	all, known := r, []string{}
	r.Results, r.Progress = nil, nil
	for _, t := range all.Results {
		known = append(known, t.TaskID)
		if t.TaskID == id {
			r.Results = append(r.Results, t)
		}
	}
	for _, t := range all.Progress {
		if !slices.Contains(known, t.ID) {
			known = append(known, t.ID)
		}
		if t.ID == id {
			r.Progress = append(r.Progress, t)
		}
	}
	if len(r.Results)+len(r.Progress) == 0 && len(known) > 0 {
		return all, task.NoSuchTask("task_id", all.RunID, id, known)
	}
	return r, nil
}
