package review

import (
	"slices"
	"strings"
	"unicode"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// MaxPlanBytes is the longest plan that Analyse looks at.
const MaxPlanBytes = 1 << 20

const (
	// maxSentences bounds each list of a report, maxSentence each sentence, in runes.
	maxSentences = 40
	maxSentence  = 800
)

// Report is the answer of review_plan_with_codex. The lists of the reports that
// this package makes are never nil.
type Report = task.ReviewReport

// empty is a report that says nothing.
func empty() Report {
	var r Report
	for _, l := range r.Lists() {
		*l.Sentences = []string{}
	}
	return r
}

// Merge joins what is proved and what is claimed, the proved first. Of sentences
// that say nearly the same the first stays.
func Merge(proved, claimed Report) Report {
	merged := empty()
	first, second := proved.Lists(), claimed.Lists()
	for i, l := range merged.Lists() {
		var kept []gist
		for _, s := range slices.Concat(*first[i].Sentences, *second[i].Sentences) {
			g := gistOf(s)
			if len(kept) == maxSentences || len(g.words)+len(g.names) == 0 || slices.ContainsFunc(kept, g.near) {
				continue
			}
			kept = append(kept, g)
			*l.Sentences = append(*l.Sentences, s)
		}
	}
	return merged
}

// gist is what matters in a sentence for telling whether another says the same.
type gist struct {
	// names are numbers, ids and file names: sentences that differ in one differ.
	names map[string]bool
	words map[string]bool
}

// fillers are in every second sentence about a plan.
const fillers = " a an and are as at be both but by can for from has have in is it its of on or should so step steps task tasks that the their them then there they this to was which with "

func gistOf(sentence string) gist {
	g := gist{names: map[string]bool{}, words: map[string]bool{}}
	for word := range strings.FieldsFuncSeq(strings.ToLower(sentence), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("./_-", r)
	}) {
		word = strings.Trim(word, "./-")
		switch {
		case word == "" || strings.Contains(fillers, " "+word+" "):
		case strings.ContainsFunc(word, unicode.IsDigit) || strings.ContainsAny(word, "./_"):
			g.names[word] = true
		default:
			g.words[strings.TrimSuffix(word, "s")] = true
		}
	}
	return g
}

// near says that g and h name the same things and share most of their words.
func (g gist) near(h gist) bool {
	if len(g.names) != len(h.names) || overlap(g.names, h.names) != len(g.names) {
		return false
	}
	shared := overlap(g.words, h.words)
	return 10*shared >= 6*(len(g.words)+len(h.words)-shared)
}

func overlap(a, b map[string]bool) int {
	n := 0
	for word := range a {
		if b[word] {
			n++
		}
	}
	return n
}

// oneLine makes text fit to stand in a sentence: what is not printable becomes a
// space, spaces in a row become one, and what is more than most runes is cut.
func oneLine(text string, most int) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsPrint(r) || r == ' ' || r == unicode.ReplacementChar
	}) {
		if n > 0 {
			word = " " + word
		}
		for _, r := range word {
			if n++; n > most {
				return strings.TrimRight(b.String(), " ") + "…"
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
