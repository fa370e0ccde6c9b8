package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 256 << 10

// Misfit says why an answer is no report.
type Misfit struct {
	// Problems are all that is wrong, each a clause without a capital or full stop.
	Problems []string
	// Excerpt is the beginning of the answer, printable and on one line.
	Excerpt string
}

func (m *Misfit) Error() string {
	return fmt.Sprintf("read plan review: %s; the answer begins: %s", strings.Join(m.Problems, "; "), m.Excerpt)
}

var fenced = regexp.MustCompile("^```[a-zA-Z]*[ \t]*\r?\n([\\s\\S]*?)\r?\n[ \t]*```$")

// Parse reads Codex's answer: what policies/review.schema.json describes, alone
// or within one Markdown fence. Sentences are made printable and fit for one
// line; blank ones are dropped. The error is a *Misfit with every problem.
func Parse(message string) (Report, error) {
	r, problems := parse(message)
	if problems != nil {
		return Report{}, &Misfit{Problems: problems, Excerpt: oneLine(message[:min(len(message), 2000)], 300)}
	}
	return r, nil
}

func parse(message string) (Report, []string) {
	if len(message) > maxAnswer {
		return Report{}, []string{fmt.Sprintf("it has %d bytes, more than %d", len(message), maxAnswer)}
	}
	message = strings.TrimSpace(message)
	if m := fenced.FindStringSubmatch(message); m != nil {
		message = strings.TrimSpace(m[1])
	}
	switch {
	case message == "":
		return Report{}, []string{"it is empty"}
	case message[0] != '{':
		return Report{}, []string{"it is not one JSON object: " + startsWith(message)}
	}
	var object map[string]json.RawMessage
	dec := json.NewDecoder(strings.NewReader(message))
	if err := dec.Decode(&object); err != nil {
		return Report{}, []string{"it is no valid JSON: " + err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Report{}, []string{"something follows the JSON object"}
	}
	r := empty()
	var problems []string
	for _, l := range r.Lists() {
		raw, ok := object[l.Name]
		delete(object, l.Name)
		if !ok {
			problems = append(problems, l.Name+" is missing")
			continue
		}
		problems = append(problems, readList(l, raw)...)
	}
	var unknown []string
	for name := range object {
		unknown = append(unknown, fmt.Sprintf("%.40q is no key of a report", name))
	}
	slices.Sort(unknown)
	if len(unknown) > 5 {
		unknown = append(unknown[:5], fmt.Sprintf("and %d more such keys", len(unknown)-5))
	}
	return r, append(problems, unknown...)
}

// readList fills a list from JSON and says what does not fit.
func readList(l task.ReviewList, raw json.RawMessage) (problems []string) {
	var elements []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return []string{fmt.Sprintf("%s is %s, not a list of strings", l.Name, kindOf(raw))}
	}
	if len(elements) > maxSentences {
		problems = append(problems, fmt.Sprintf("%s has %d entries, more than %d", l.Name, len(elements), maxSentences))
	}
	for i, element := range elements[:min(len(elements), maxSentences)] {
		element = bytes.TrimSpace(element)
		var sentence string
		if element[0] != '"' || json.Unmarshal(element, &sentence) != nil {
			problems = append(problems, fmt.Sprintf("%s[%d] is %s, not a string", l.Name, i, kindOf(element)))
			continue
		}
		if n := len([]rune(sentence)); n > maxSentence {
			problems = append(problems, fmt.Sprintf("%s[%d] has %d characters, more than %d", l.Name, i, n, maxSentence))
			continue
		}
		if sentence = oneLine(sentence, maxSentence); sentence != "" {
			*l.Sentences = append(*l.Sentences, sentence)
		}
	}
	return problems
}

func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

func startsWith(message string) string {
	if message[0] == '[' {
		return "it begins with a list"
	}
	return "it begins with text"
}
