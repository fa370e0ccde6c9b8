package mcpserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// describe says what a value is, briefly: for "… is X; it must be Y".
func describe(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if x == "" {
			return "an empty string"
		}
		if r := []rune(x); len(r) > 60 {
			x = string(r[:59]) + "…"
		}
		return "the string " + strconv.Quote(x) // as it is: what is wrong may be a blank at its end
	case []any:
		return fmt.Sprintf("a list of %d", len(x))
	case map[string]any:
		return "an object"
	default:
		return fmt.Sprint(x)
	}
}

// allowed says what a schema allows, from its keywords.
func allowed(rules map[string]any) string {
	if values, ok := rules["enum"].([]any); ok {
		var names []string
		for _, v := range values {
			names = append(names, fmt.Sprintf("%q", v))
		}
		return strings.Join(names, " or ")
	}
	switch rules["type"] {
	case "integer":
		return "an integer" + between(rules, "minimum", "maximum")
	case "number":
		return "a number" + between(rules, "minimum", "maximum")
	case "boolean":
		return "true or false"
	case "array":
		s := "a list" + strings.Replace(between(rules, "minItems", "maxItems"), " from", " of", 1)
		if items, ok := rules["items"].(map[string]any); ok && items["type"] == "string" {
			s += " of strings"
		}
		return s
	case "object":
		return "an object"
	case "string":
		pattern, _ := rules["pattern"].(string)
		switch {
		case pattern == `\S`:
			return "a string that is not blank"
		case pattern != "":
			return "a string that matches " + pattern
		case rules["maxLength"] != nil:
			return fmt.Sprintf("a string of at most %v characters", rules["maxLength"])
		case rules["minLength"] != nil:
			return "a string that is not empty"
		}
		return "a string"
	default:
		return "something else"
	}
}

func between(rules map[string]any, low, high string) string {
	lo, hasLow := rules[low].(json.Number)
	hi, hasHigh := rules[high].(json.Number)
	switch {
	case hasLow && hasHigh:
		return fmt.Sprintf(" from %s to %s", lo, hi)
	case hasLow:
		return fmt.Sprintf(" from %s", lo)
	case hasHigh:
		return fmt.Sprintf(" up to %s", hi)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
