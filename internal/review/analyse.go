package review

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Analyse says what the text of a plan shows by itself, without a look at the
// repository. It would rather miss a fault than see one that is none: prose in
// which it recognises no tasks gives a report that says little or nothing. So
// does a plan of more than MaxPlanBytes or 500 tasks. It takes some seconds for
// the longest, and milliseconds for a usual one.
func Analyse(text string) Report {
	p := readPlan(text)
	c := checks{plan: p, report: empty()}
	c.risks()
	if len(p.items) > 0 {
		c.graph = p.graph()
		c.reach = c.graph.reach()
		c.thorough = c.isThorough()
		c.references()
		c.cycles()
		c.placeholders()
		c.files()
		c.levels()
		c.tests()
		c.sizes()
	}
	for _, l := range c.report.Lists() {
		*l.Sentences = distinct(*l.Sentences)
	}
	return c.report
}

// checks collects what is found in one plan.
type checks struct {
	*plan
	report Report
	graph  graph
	reach  [][]bool
	// changed are the files of each item, once files has run.
	changed []map[string]bool
	// thorough: see isThorough.
	thorough bool
}

// say adds a sentence to a list of the report.
func say(list *[]string, format string, args ...any) {
	sentence := oneLine(fmt.Sprintf(format, args...), maxSentence)
	if strings.HasPrefix(sentence, "the ") {
		sentence = "T" + sentence[1:]
	}
	*list = append(*list, sentence)
}

func distinct(sentences []string) []string {
	var kept []string
	for _, s := range sentences {
		if len(kept) < maxSentences && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return append([]string{}, kept...)
}

func (c *checks) references() {
	for _, d := range c.duplicates {
		say(&c.report.DependencyIssues, "%s is the name of two tasks, %s and %s: what depends on it could mean either.",
			c.bare(d.item), quoted(c.items[d.first].title), quoted(c.items[d.item].title))
	}
	for _, i := range c.self {
		say(&c.report.DependencyIssues, "%s is said to depend on itself.", c.name(i))
	}
	for _, m := range c.missing {
		say(&c.report.DependencyIssues, "%s is said to depend on %s, and the plan has no such task.", c.name(m.item), m.ref)
	}
}

func (c *checks) cycles() {
	for _, cycle := range c.graph.cycles() {
		names := make([]string, 0, len(cycle)+1)
		through := ""
		for n, i := range cycle {
			names = append(names, c.short(i))
			if !c.items[i].needs[cycle[(n+1)%len(cycle)]] {
				through = " (a task is done when its parts are, and they wait for what it waits for)"
			}
		}
		names = append(names, names[0])
		if over := len(names) - 30; over > 0 {
			names = slices.Concat(names[:29], []string{fmt.Sprintf("(%d more)", over)}, names[len(names)-1:])
		}
		say(&c.report.DependencyIssues, "These tasks wait for each other, so none of them can start: %s%s.", strings.Join(names, " → "), through)
	}
}

// placeholders are tasks that say nothing but that there will be one.
func (c *checks) placeholders() {
	for i, it := range c.items {
		switch strings.ToLower(strings.Trim(it.title, " .:[]()*_`")) {
		case "tbd", "todo", "to do", "tba", "to be determined", "to be defined", "to be decided", "???", "??", "?", "fixme", "placeholder":
			if !it.group && len(it.text()) <= len(it.title) {
				say(&c.report.MissingTasks, "%s says only %s: what is to be done is missing.", c.short(i), quoted(it.title))
			}
		}
	}
}

// text is all that an item says outside code.
func (it *item) text() string {
	var b strings.Builder
	for _, block := range it.blocks {
		if !block.code && block.text != "" {
			b.WriteString(block.text + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// leaves are the tasks that are done, not those that only hold others.
func (p *plan) leaves() []int {
	var leaves []int
	for i, it := range p.items {
		if !it.group && (!it.phase || p.form == formPhase) {
			leaves = append(leaves, i)
		}
	}
	return leaves
}

// bare is the id of an item as its author writes it: "Task 3", "T3", "Step 3".
func (p *plan) bare(i int) string {
	switch it := p.items[i]; {
	case it.id == "":
		return "the task " + quoted(it.title)
	case p.form == formRequest:
		return quotedID(it.id)
	case it.word != "":
		return it.word + " " + it.id
	case it.id[0] <= '9':
		return "Task " + it.id
	default:
		return it.id
	}
}

// short is how sentences call an item: by its id, and its title where others
// have the same id.
func (p *plan) short(i int) string {
	it, name := p.items[i], p.bare(i)
	for _, d := range p.duplicates {
		if p.form == formRequest && p.items[d.item].id == it.id {
			return name + " (" + quoted(it.title) + ")"
		}
	}
	for _, j := range p.index.byID[normalID(it.id)] {
		if j != i && p.items[j].phase == it.phase {
			return name + " (" + quoted(it.title) + ")"
		}
	}
	return name
}

// name is the short name with the title, for the sentence that is about it.
func (p *plan) name(i int) string {
	short := p.short(i)
	if it := p.items[i]; it.title != "" && !strings.Contains(short, "\"") {
		return short + " (" + quoted(it.title) + ")"
	}
	return short
}

// names lists items: "Tasks 2, 4 and 5" where they are called alike.
func (p *plan) names(items []int) string {
	words := make([]string, len(items))
	common := ""
	for n, i := range items {
		words[n] = p.short(i)
		word, _, _ := strings.Cut(words[n], " ")
		if n == 0 {
			common = word
		}
		if word != common || strings.Contains(words[n], "\"") || !strings.Contains(words[n], " ") {
			common = ""
		}
	}
	if common == "" || len(items) < 2 {
		return listed(words)
	}
	for n := range words {
		words[n] = strings.TrimPrefix(words[n], common+" ")
	}
	return common + "s " + listed(words)
}

func quoted(title string) string {
	for sentence := range sentences(title) {
		title = sentence
		break
	}
	title = oneLine(strings.ReplaceAll(tags.ReplaceAllString(title, ""), "`", ""), 70)
	return `"` + strings.ReplaceAll(strings.TrimRight(title, ".;: "), `"`, "'") + `"`
}

// tags stand before titles, as in "[P] [US1] Add the model".
var tags = regexp.MustCompile(`^(?:\[\w+\]\s*)+`)
