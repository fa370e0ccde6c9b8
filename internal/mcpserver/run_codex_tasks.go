package mcpserver

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/server"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

//go:embed run_codex_tasks.input.json
var runCodexTasksInput []byte

const runCodexTasksDescription = `Run coding tasks with OpenAI Codex, in parallel, each in its own throwaway container on its own git worktree, and get back for each a verdict with evidence: the patch, the changed files, the commands run with their exit codes, and every rule that was broken. Nothing is applied to the user's checkout.

Put all independent tasks into one call. A call takes minutes; if the client moves it to the background, the result comes later: do not call again.`

func (s *Server) runCodexTasks() (server.ServerTool, error) {
	return longCall[task.Request, task.RunResult]{
		name: "run_codex_tasks", title: "Run coding tasks with Codex", description: runCodexTasksDescription,
		input: runCodexTasksInput,
		check: checkIDs,
		units: func(in task.Request) int { return len(in.Tasks) },
		do:    s.backend.RunTasks,
		files: func(out task.RunResult) string { return out.JournalPath },
		show:  runResult,
	}.tool(s)
}

// checkIDs finds what a schema cannot say: ids that are the same on a file
// system that ignores case, and ids that a path would not survive.
func checkIDs(tree any) []problem {
	args, _ := tree.(map[string]any)
	var problems []problem
	check := func(id string, path ...string) {
		if id != "" && strings.Trim(id, ".") == "" {
			problems = append(problems, problem{path, "is " + describe(id) + "; it must hold something else than dots."})
		}
	}
	if id, ok := args["run_id"].(string); ok {
		check(id, "run_id")
	}
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
