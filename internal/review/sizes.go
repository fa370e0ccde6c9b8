package review

import "regexp"

const (
	manyFiles = 8
	manyVerbs = 4
)

// orders are verbs that begin a piece of work of its own.
var orders = regexp.MustCompile(`(?i)(?:^|[,;]\s+(?:and\s+|then\s+)*|\band\s+(?:then\s+)?|\bthen\s+)(?:add|implement|create|build|write|rewrite|refactor|extend|replace|fix|introduce|convert|port|migrate|update|rename|remove|delete|extract|move|integrate|deploy|document|design|configure|set up|test|wire|expose|generate)\b`)

// sizes finds tasks that are several.
func (c *checks) sizes() {
	for _, i := range c.leaves() {
		it := c.items[i]
		if n := len(c.changed[i]); n >= manyFiles {
			say(&c.report.RecommendedTaskSplits, "%s changes %d files: split it, so that each part can be reviewed and undone alone.", c.name(i), n)
			continue
		}
		if n := len(orders.FindAllString(it.title, -1)); n >= manyVerbs {
			say(&c.report.RecommendedTaskSplits, "%s asks for %d pieces of work at once: make each a task.", c.name(i), n)
		}
	}
}
