package mcpserver

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/invopop/jsonschema"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// outputSchemas are the JSON Schemas of what the tools tell, by its type. They are
// made once: that takes longer than all else that a new Server needs.
var outputSchemas = sync.OnceValues(func() (map[reflect.Type]json.RawMessage, error) {
	made := map[reflect.Type]json.RawMessage{}
	for _, v := range []any{
		task.RunResult{}, task.ReviewResult{}, getResult{}, runList{}, cancelResult{}, task.ApplyResult{}, task.Setup{},
	} {
		raw, err := schemaOf(v)
		if err != nil {
			return nil, err
		}
		made[reflect.TypeOf(v)] = raw
	}
	return made, nil
})

// outputSchema is the JSON Schema of a tool's structured result.
func outputSchema[Out any]() (json.RawMessage, error) {
	made, err := outputSchemas()
	if err != nil {
		return nil, err
	}
	raw, ok := made[reflect.TypeFor[Out]()]
	if !ok {
		return nil, fmt.Errorf("there is no output schema of %v", reflect.TypeFor[Out]())
	}
	return raw, nil
}

// schemaOf makes a JSON Schema. No type in it may be null: tidy sees to it that no
// value is.
func schemaOf(v any) (json.RawMessage, error) {
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
	reflect.TypeFor[task.State](): {
		task.Queued, task.Preparing, task.Running, task.Checking, task.Done,
	},
	reflect.TypeFor[task.RunStatus]():   {task.RunRunning, task.RunDone, task.RunLost},
	reflect.TypeFor[task.ApplyTarget](): {task.ApplyBranch, task.ApplyCheckout},
	reflect.TypeFor[task.Section](): {
		task.SectionResult, task.SectionReport, task.SectionEvents, task.SectionPatch, task.SectionTranscript,
		task.SectionStdout, task.SectionStderr, task.SectionVerify, task.SectionGuard, task.SectionGateway, task.SectionRollout,
	},
	reflect.TypeFor[task.Severity](): {
		task.SeverityInfo, task.SeverityWarning, task.SeverityError,
	},
	reflect.TypeFor[task.FailureKind](): {
		task.FailAuth, task.FailRateLimited, task.FailModelAPI, task.FailModelUnreached,
		task.FailCodex, task.FailOutOfMemory, task.FailOutputLimit, task.FailPatch,
		task.FailRule, task.FailVerify, task.FailBudget, task.FailTimeout, task.FailIdle,
		task.FailCancelled, task.FailInternal,
	},
}
