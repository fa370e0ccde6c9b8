package review

import (
	"fmt"
	"slices"
)

// files finds tasks that change the same file although nothing orders them.
func (c *checks) files() {
	c.changed = make([]map[string]bool, len(c.items))
	users := map[string][]int{}
	for _, i := range c.leaves() {
		c.changed[i] = c.items[i].changes()
		for name := range c.changed[i] {
			users[name] = append(users[name], i)
		}
	}
	if c.sequential {
		return
	}
	// One sentence for all files that the same tasks share.
	shared := map[string][]string{}
	tasks := map[string][]int{}
	for name, all := range users {
		var loose []int
		for _, i := range all {
			if slices.ContainsFunc(all, func(j int) bool { return i != j && !c.ordered(i, j) }) {
				loose = append(loose, i)
			}
		}
		if len(loose) > 0 {
			key := fmt.Sprint(loose)
			shared[key], tasks[key] = append(shared[key], name), loose
		}
	}
	for _, key := range sortedBy(tasks) {
		names := shared[key]
		slices.Sort(names)
		who, what := c.names(tasks[key]), listed(names)
		if c.told(tasks[key]) {
			how := "nothing in the plan orders them"
			if c.someOrdered(tasks[key]) {
				how = "the plan does not order all of them"
			}
			say(&c.report.DependencyIssues, "%s change %s and %s: let one wait for the other, or give the change to one of them.", who, what, how)
		} else {
			say(&c.report.ParallelizationSuggestions, "%s change %s and the plan does not say in which order: do not run them at once.", who, what)
		}
	}
}

func (c *checks) someOrdered(tasks []int) bool {
	for n, i := range tasks {
		if slices.ContainsFunc(tasks[:n], func(j int) bool { return c.ordered(i, j) }) {
			return true
		}
	}
	return false
}

// told says that the author knows that these can run at once.
func (c *checks) told(tasks []int) bool {
	if !slices.ContainsFunc(tasks, func(i int) bool { return !c.known(i) }) {
		return true
	}
	return slices.ContainsFunc(tasks, func(i int) bool {
		return slices.ContainsFunc(tasks, func(j int) bool { return c.besides(i, j) })
	})
}

func sortedBy(tasks map[string][]int) []string {
	keys := make([]string, 0, len(tasks))
	for key := range tasks {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return slices.Compare(tasks[a], tasks[b]) })
	return keys
}

// ordered says that something puts i and j in an order: a dependency, the phases
// that they are in, or that one speaks of the other.
func (c *checks) ordered(i, j int) bool {
	return c.reach[i][j] || c.reach[j][i] || !c.besides(i, j) &&
		(c.items[i].mentions[j] || c.items[j].mentions[i] || c.phaseOf(i) != c.phaseOf(j))
}

// besides says that the author lets i and j, or their phases, run at once.
func (c *checks) besides(i, j int) bool {
	if a, b := c.phaseOf(i), c.phaseOf(j); a >= 0 && b >= 0 && c.items[a].beside[b] {
		return true
	}
	return c.items[i].beside[j]
}

// phaseOf is the phase around an item, -1 if there is none. Phases follow each
// other unless the author says otherwise, so their tasks are never compared.
func (p *plan) phaseOf(i int) int {
	for at := p.items[i].parent; at >= 0; at = p.items[at].parent {
		if p.items[at].phase {
			return at
		}
	}
	return -1
}

// known says that the plan tells what i waits for: in i itself, or because it
// tells it of so many tasks that silence means "nothing".
func (c *checks) known(i int) bool {
	if c.items[i].placed || c.items[i].parallel {
		return true
	}
	for at := c.items[i].parent; at >= 0; at = c.items[at].parent {
		if c.items[at].parallel {
			return true
		}
	}
	return c.thorough
}

// thorough says that the author tells of nearly every task what it waits for.
// Marks such as [P] say the opposite: what has none is not to run beside others.
func (c *checks) isThorough() bool {
	placed, leaves := 0, c.leaves()
	for _, i := range leaves {
		if c.items[i].parallel {
			return false
		}
		if c.items[i].placed {
			placed++
		}
	}
	return placed >= 2 && 3*placed >= 2*(len(leaves)-1)
}

// levels suggests what can run at once: tasks as deep in the graph as each
// other, that nothing orders and that share no file.
func (c *checks) levels() {
	if c.sequential || len(c.graph.cycles()) > 0 || len(c.self)+len(c.missing)+len(c.duplicates) > 0 {
		return // a plan to be mended first
	}
	depth := c.graph.depths()
	levels := map[int][]int{}
	deepest := 0
	for _, i := range c.leaves() {
		// Who says only "in parallel" does not say what comes before.
		if c.known(i) && (c.items[i].placed || !c.items[i].parallel) {
			levels[depth[i]] = append(levels[depth[i]], i)
			deepest = max(deepest, depth[i])
		}
	}
	for level := range deepest + 1 {
		// What the author calls parallel needs no suggestion; what is in several
		// phases is not comparable, so each phase is a level of its own.
		phases := map[int][]int{}
		var order []int
		for _, i := range levels[level] {
			phase := c.phaseOf(i)
			if phases[phase] == nil {
				order = append(order, phase)
			}
			if !slices.ContainsFunc(phases[phase], func(j int) bool { return c.ordered(i, j) || c.collide(i, j) }) {
				phases[phase] = append(phases[phase], i)
			}
		}
		for _, phase := range order {
			c.suggest(phases[phase])
		}
	}
}

func (c *checks) suggest(tasks []int) {
	silent := slices.ContainsFunc(tasks, func(i int) bool { return !c.items[i].parallel })
	if len(tasks) < 2 || !silent {
		return
	}
	needs := map[int]bool{}
	for _, i := range tasks {
		for need := range c.items[i].needs {
			needs[need] = true
		}
	}
	if len(needs) == 0 {
		say(&c.report.ParallelizationSuggestions, "%s can run at once: none of them waits for another task.", c.names(tasks))
		return
	}
	var all []int
	for need := range needs {
		all = append(all, need)
	}
	slices.Sort(all)
	done := "is"
	if len(all) > 1 {
		done = "are"
	}
	say(&c.report.ParallelizationSuggestions, "%s can run at once as soon as %s %s done: nothing orders them.", c.names(tasks), c.names(all), done)
}

func (c *checks) collide(i, j int) bool {
	for name := range c.changed[i] {
		if c.changed[j][name] {
			return true
		}
	}
	return false
}

// depths are the lengths of the longest ways that begin at each node of a graph
// without cycles.
func (g graph) depths() []int {
	depths := make([]int, len(g))
	done := make([]bool, len(g))
	var depth func(int) int
	depth = func(i int) int {
		if !done[i] {
			done[i] = true
			for _, next := range g[i] {
				depths[i] = max(depths[i], depth(next)+1)
			}
		}
		return depths[i]
	}
	for i := range g {
		depth(i)
	}
	return depths
}
