package mcpserver

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// outputSchema makes the JSON Schema of a tool's structured result. No type in
// it may be null: tidy sees to it that no value is.
func outputSchema(v any) (json.RawMessage, error) {
	r := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true, DoNotReference: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if values, ok := enums[t]; ok {
				return &jsonschema.Schema{Type: "string", Enum: values}
			}
			return nil
		},
		LookupComment: func(t reflect.Type, field string) string {
			return descriptions[t.Name()+"."+field]
		},
	}
	schema := r.Reflect(v)
	schema.Version = ""
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("encode output schema: %w", err)
	}
	return raw, nil
}

// enums are the string types that have a closed set of values.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[task.Status](): {task.Success, task.Failed, task.Timeout, task.Skipped},
	reflect.TypeFor[task.Severity](): {
		task.SeverityInfo, task.SeverityWarning, task.SeverityError,
	},
	reflect.TypeFor[task.FailureKind](): {
		task.FailAuth, task.FailRateLimited, task.FailModelAPI, task.FailModelUnreached,
		task.FailCodex, task.FailOutOfMemory, task.FailOutputLimit, task.FailPatch,
		task.FailRule, task.FailBudget, task.FailTimeout, task.FailIdle,
		task.FailCancelled, task.FailInternal,
	},
}

// descriptions say to a model what a field of a result means, by Go's names.
var descriptions = map[string]string{
	"RunResult.RunID":           "The run's name.",
	"RunResult.Results":         "One result for each task, in the order of the request.",
	"RunResult.TotalDurationMS": "How long the whole run took, in milliseconds.",
	"RunResult.BaseCommit":      "The commit that all tasks started from and all patches apply to.",
	"RunResult.JournalPath":     "Absolute path of the directory that keeps the run: request, results, transcripts, patches.",
	"RunResult.Notes":           "What concerns the whole run, such as uncommitted changes that the tasks did not see.",

	"Result.TaskID":          "The task's name from the request.",
	"Result.Status":          "success: Codex finished, the patch applies, no rule was broken, all verify commands passed. failed: see failure. timeout: out of time. skipped: dry run, or cancelled before the start.",
	"Result.ExitCode":        "Codex's exit code; -1 if it did not end by itself.",
	"Result.FilesChanged":    "Paths that differ from the base commit, relative to the repository's root.",
	"Result.Patch":           "The patch in git's format against base_commit. May be cut: then the whole is at patch_path.",
	"Result.PatchApplicable": "Whether the patch applies to base_commit and gives exactly what Codex left.",
	"Result.ApplyCheckLog":   "What git said when the patch was tried.",
	"Result.CommandsRun":     "The commands that Codex ran.",
	"Result.Evidence":        "One sentence for each thing that was checked, by us and not by Codex.",
	"Result.Logs":            "Where the task's output is.",
	"Result.WorkspacePath":   "Where the worktree was. It is gone unless the configuration keeps worktrees.",
	"Result.DurationMS":      "How long the task took, in milliseconds.",
	"Result.Summary":         "Codex's own last message: a claim, not evidence.",
	"Result.NotesForManager": "What to know or do next, in plain words.",
	"Result.Failure":         "Why the task is not a success; absent from a success.",
	"Result.Findings":        "What the checks found. One of severity error makes the task failed.",
	"Result.Usage":           "Tokens and model calls that the task used.",
	"Result.PatchPath":       "Absolute path of the whole patch, for git apply; empty if there is no patch.",
	"Result.Truncated":       "The fields of this result that were cut to fit, or \"*\" for all texts, lists and paths. The whole is in journal_path.",

	"ReviewResult.Report":      "What is wrong with the plan. Each entry is one sentence that names its task; what the plan's text alone proves comes first in each list, then what Codex claims.",
	"ReviewResult.RunID":       "The name of the run in which Codex gave its answer.",
	"ReviewResult.BaseCommit":  "The commit that Codex looked at.",
	"ReviewResult.JournalPath": "Absolute path of the directory that keeps the run: prompt, transcript, answer.",
	"ReviewResult.Usage":       "Tokens and model calls that the review used.",
	"ReviewResult.Notes":       "What concerns the whole review, such as uncommitted changes that Codex did not see.",
	"ReviewResult.Truncated":   "The fields that were cut to fit. What Codex said is whole in journal_path.",

	"ReviewReport.MissingTasks":               "What must be done for the plan to work and is in no task.",
	"ReviewReport.DependencyIssues":           "Cycles, impossible references, wrong or missing order, tasks that may run at once and change the same file.",
	"ReviewReport.ParallelizationSuggestions": "Tasks that can run at once, and tasks that should not.",
	"ReviewReport.TestGaps":                   "Tasks whose result nothing would test.",
	"ReviewReport.RiskFlags":                  "What may lose data, break callers or open a hole, and where the plan is wrong about the repository.",
	"ReviewReport.RecommendedTaskSplits":      "Tasks that are too large for one go, with the parts to make of them.",

	"Command.Cmd":      "The whole command line, the shell that ran it included.",
	"Command.ExitCode": "-1 if it never ended.",

	"Logs.Stdout": "Absolute path of the transcript that Codex printed, as JSON lines.",
	"Logs.Stderr": "Absolute path of what it printed on stderr.",
	"Logs.Tail":   "The end of both.",

	"Failure.Kind":    "Which part failed.",
	"Failure.Message": "What happened.",
	"Failure.Hint":    "How to mend it.",

	"Finding.Rule":     "The check that found it, by name.",
	"Finding.Severity": "error makes the task failed, warning wants a look, info is worth knowing.",
	"Finding.Detail":   "What was found.",
	"Finding.Evidence": "The thing itself: a path, a command line, a field.",

	"Usage.InputTokens":       "Tokens sent, cached ones included.",
	"Usage.CachedInputTokens": "Of these, tokens that the model had cached.",
	"Usage.OutputTokens":      "Tokens received.",
	"Usage.ReasoningTokens":   "Of these, tokens of reasoning.",
	"Usage.ModelRequests":     "Calls of the model API.",
}
