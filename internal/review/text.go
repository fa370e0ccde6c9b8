package review

import (
	"iter"
	"regexp"
	"strings"
)

// window bounds how far from a word its clause is looked for.
const window = 240

var clauseEnd = regexp.MustCompile(`[.!?;][ \t)*_"]|[;\n]|,[ \t]+(?:but|then)\b| [–—] `)

// clauseBefore is the part of text that belongs to the clause that goes on
// after it.
func clauseBefore(text string) string {
	text = text[max(0, len(text)-window):]
	if all := clauseEnd.FindAllStringIndex(text, -1); all != nil {
		text = text[all[len(all)-1][1]:]
	}
	return text
}

// ahead is the text from an offset on, as far as a list of tasks may reach.
func ahead(text string, at int) string {
	return text[at:min(len(text), at+4*window)]
}

var sentenceEnd = regexp.MustCompile(`[.!?;][ \t]+|\n`)

func sentences(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			at := sentenceEnd.FindStringIndex(text)
			if at == nil {
				yield(text)
				return
			}
			if !yield(text[:at[0]]) {
				return
			}
			text = text[at[1]:]
		}
	}
}

// negated says that the first match of what in text stands in a clause that
// denies it.
func negated(text string, what *regexp.Regexp) bool {
	at := what.FindStringIndex(text)
	return at != nil && negation.MatchString(clauseBefore(text[:at[0]]))
}

// listed writes "a, b and c"; beyond a dozen it only counts.
func listed(words []string) string {
	const most = 12
	switch n := len(words); {
	case n == 0:
		return ""
	case n == 1:
		return words[0]
	case n > most:
		return strings.Join(words[:most], ", ") + " and others"
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
