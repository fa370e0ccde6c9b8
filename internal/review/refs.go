package review

import (
	"regexp"
	"strconv"
	"strings"
)

// ref is a mention of a task: "task 3", "T3", "#3", "3".
type ref struct {
	word string // lower case, singular; "#" for an issue's number; may be empty
	id   string
}

func (r ref) String() string {
	if r.word == "" || r.word == "#" {
		if r.id[0] >= '0' && r.id[0] <= '9' {
			return "task " + r.id
		}
		return r.id
	}
	return r.word + " " + r.id
}

// kind is the form that the word speaks of; forms if it does not say.
func (r ref) kind() form {
	switch r.word {
	case "task", "subtask", "sub-task", "ticket", "story":
		return formTask
	case "step":
		return formStep
	case "phase", "milestone", "stage", "sprint", "wave":
		return formPhase
	}
	if r.id[0] < '0' || r.id[0] > '9' {
		return formID
	}
	return forms
}

const refWord = `tasks?|sub-?tasks?|tickets?|stor(?:y|ies)|steps?|phases?|milestones?|stages?|sprints?|waves?|items?`

var (
	refFiller   = regexp.MustCompile(`^(?i)[ \t*_:=(\[` + "`" + `]*(?:(?:both|all|of|the|only|on|completion|completing|finishing|output|results?|everything|in|is|are|from)[ \t]+)*`)
	refStart    = regexp.MustCompile(`^(?i:(` + refWord + `)[ \t]*(?:nos?\.?[ \t]*)?#?[ \t]*|(#))?[*_\[(` + "`" + `]*((?:[A-Z]{1,8}-?)?\d{1,4}(?:\.\d{1,3}){0,4}[a-z]?|[A-Z])`)
	refTail     = regexp.MustCompile(`^[*_\])` + "`" + `]*(?:[ \t]*(?:\([^()]{0,80}\)|"[^"]{0,80}"))?`)
	refAnd      = regexp.MustCompile(`^[ \t]*(?:,?[ \t]*(?:and|&|\+|plus|as well as)|[,;/])[ \t]*(?:also |both |on |the )*`)
	refOr       = regexp.MustCompile(`^[ \t]*,?[ \t]*(?:or|and/or)\b`)
	refTo       = regexp.MustCompile(`^[ \t]*(?:-|–|—|\.\.+|…|to\b|through\b|thru\b)[ \t]*`)
	labelledRef = regexp.MustCompile(`\b(?:(?i:` + refWord + `)[ \t]*#?[ \t]*\d|[A-Z]{1,8}-?\d)`)
	// mayFollow is what may come after a bare number without making it a
	// quantity: "depends on 2 because" against "depends on 2 services".
	mayFollow = regexp.MustCompile(`^[*_` + "`" + `]*[ \t]*(?:$|[.;:,)\]}|!?]|[-–—]+[ \t]|(?i:because|since|so|for|before|to|which|but|if|when|having|is|are|must|only|being|landing|first|already|and|as)\b)`)
	partOf    = regexp.MustCompile(`^[ \t]*(?i:of|in the|on the|from the|minutes?|hours?|days?|weeks?|seconds?|fails?)\b`)
	numeric   = regexp.MustCompile(`^([A-Z]*-?)(\d+)$`)
)

// maxRange bounds what "tasks 1-99" becomes.
const maxRange = 100

// readRefs reads a list of references at the beginning of text. Bare numbers
// count only after a strong cue. A list of alternatives is no list. What follows
// the list is the rest.
func readRefs(text string, strong bool) (refs []ref, rest string) {
	text = text[len(refFiller.FindString(text)):]
	rest = text
	word := ""
	for len(refs) < maxRange {
		m := refStart.FindStringSubmatch(text)
		if m == nil {
			break
		}
		if !endsWord(text[len(m[0]):]) {
			break
		}
		if m[1] != "" {
			word = strings.ToLower(m[1])
			word = strings.Replace(strings.TrimSuffix(word, "s"), "storie", "story", 1)
		} else if m[2] != "" {
			word = "#"
		}
		r := ref{word: word, id: m[3]}
		if word == "" && len(r.id) == 1 && r.id[0] > '9' {
			break // a letter alone is a word
		}
		rest = text[len(m[0]):]
		bare := word == "" && r.id[0] <= '9'
		rest = rest[len(refTail.FindString(rest)):]
		if to := refTo.FindString(rest); to != "" {
			if last := refStart.FindStringSubmatch(rest[len(to):]); last != nil && endsWord(rest[len(to)+len(last[0]):]) {
				if between := span(r, last[3]); between != nil {
					refs = append(refs, between...)
					rest = rest[len(to)+len(last[0]):]
					rest = rest[len(refTail.FindString(rest)):]
					r.id = ""
				}
			}
		}
		if refOr.MatchString(rest) || partOf.MatchString(rest) {
			return nil, rest
		}
		if r.id != "" {
			refs = append(refs, r)
		}
		and := refAnd.FindString(rest)
		more := and != "" && refStart.MatchString(rest[len(and):])
		if bare && (!strong || !more && !mayFollow.MatchString(rest)) {
			return nil, rest
		}
		if !more {
			break
		}
		text = rest[len(and):]
	}
	return refs, rest
}

// endsWord says that an id is not the beginning of a longer word or number.
func endsWord(rest string) bool {
	if rest == "" {
		return true
	}
	c := rest[0]
	if c == '.' || c == '-' {
		return len(rest) == 1 || !isWordByte(rest[1]) || c == '-'
	}
	return !isWordByte(c) && c != '%' && c != '_'
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// span is what "from" to "to" stands for; nil if that is no range.
func span(from ref, to string) []ref {
	a, b := numeric.FindStringSubmatch(from.id), numeric.FindStringSubmatch(to)
	if a == nil || b == nil || b[1] != "" && a[1] != b[1] {
		return nil
	}
	first, err1 := strconv.Atoi(a[2])
	last, err2 := strconv.Atoi(b[2])
	if err1 != nil || err2 != nil || last <= first || last-first >= maxRange {
		return nil
	}
	var refs []ref
	for n := first; n <= last; n++ {
		refs = append(refs, ref{word: from.word, id: a[1] + strconv.Itoa(n)})
	}
	return refs
}
