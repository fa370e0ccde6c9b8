package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
)

// wanted says in words what a value of type t is.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping of keys to values"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "a list of strings"
		}
		return "a list of mappings"
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	default:
		return "a string"
	}
}

// suggestKey says which key was probably meant. A third of the letters may
// differ; beyond that a guess misleads.
func suggestKey(name string, known map[string]reflect.Type) string {
	bare := strings.NewReplacer("_", "", "-", "", " ", "")
	names := slices.Sorted(maps.Keys(known))
	best, distance := "", 0
	for _, k := range names {
		d := levenshtein.ComputeDistance(strings.ToLower(bare.Replace(clip(name))), bare.Replace(k))
		if best == "" || d < distance {
			best, distance = k, d
		}
	}
	if distance > max(2, len(best)/3) {
		return "The keys here are " + strings.Join(names, ", ") + "."
	}
	return fmt.Sprintf("Did you mean %q?", best)
}

// printable makes a foreign key fit for a message.
func printable(name string) string { return console.Visible(clip(name)) }

func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
