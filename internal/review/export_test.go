package review

import "slices"

// MaxItems is what Analyse takes for a plan at most.
const MaxItems = maxItems

// Graph is what a text says about its tasks: an edge to whatever comes before.
func Graph(text string) [][]int {
	p := readPlan(text)
	if len(p.items) == 0 {
		return nil
	}
	return p.graph()
}

// Item is what is read of one task.
type Item struct {
	Name    string
	Needs   []string
	Changes []string
}

// Items are the tasks of a text.
func Items(text string) []Item {
	p := readPlan(text)
	var items []Item
	for i, it := range p.items {
		item := Item{Name: p.bare(i)}
		for need := range it.needs {
			item.Needs = append(item.Needs, p.bare(need))
		}
		for name := range it.changes() {
			item.Changes = append(item.Changes, name)
		}
		slices.Sort(item.Needs)
		slices.Sort(item.Changes)
		items = append(items, item)
	}
	return items
}
