package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/console"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/nearest"
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

// suggestKey says which key was probably meant.
func suggestKey(name string, known map[string]reflect.Type) string {
	names := slices.Sorted(maps.Keys(known))
	if best := nearest.To(name, names); best != "" {
		return fmt.Sprintf("Did you mean %q?", best)
	}
	return "The keys here are " + strings.Join(names, ", ") + "."
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
