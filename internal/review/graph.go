package review

import "slices"

// graph has an edge from each item to those that must be done before it: what it
// waits for, what its whole waits for, and its own parts.
type graph [][]int

func (p *plan) graph() graph {
	g := make(graph, len(p.items))
	for i, it := range p.items {
		if it.parent >= 0 {
			g[it.parent] = append(g[it.parent], i)
		}
		for at := i; at >= 0; at = p.items[at].parent {
			for need := range p.items[at].needs {
				if need != i && !p.within(need, i) && !p.within(i, need) {
					g[i] = append(g[i], need)
				}
			}
		}
	}
	for i := range g {
		slices.Sort(g[i])
		g[i] = slices.Compact(g[i])
	}
	return g
}

// cycles gives one cycle for each knot of the graph, a shortest one, beginning
// with its lowest node; the first node is not repeated at the end.
func (g graph) cycles() [][]int {
	var cycles [][]int
	for _, knot := range g.knots() {
		var shortest []int
		for _, start := range knot {
			if path := g.path(start, start); path != nil && (shortest == nil || len(path) < len(shortest)) {
				shortest = path
			}
		}
		cycles = append(cycles, shortest)
	}
	return cycles
}

// knots are the sets of nodes that can all reach each other (Tarjan's strongly
// connected components of more than one node), sorted.
func (g graph) knots() [][]int {
	const unseen = -1
	order := make([]int, len(g)) // when a node was first seen
	low := make([]int, len(g))   // the earliest node that it leads back to
	onStack := make([]bool, len(g))
	for i := range order {
		order[i] = unseen
	}
	var stack []int
	var knots [][]int
	seen := 0
	var visit func(int)
	visit = func(at int) { // as deep as maxItems at most
		order[at], low[at] = seen, seen
		seen++
		stack = append(stack, at)
		onStack[at] = true
		for _, next := range g[at] {
			if order[next] == unseen {
				visit(next)
				low[at] = min(low[at], low[next])
			} else if onStack[next] {
				low[at] = min(low[at], order[next])
			}
		}
		if low[at] != order[at] {
			return
		}
		cut := slices.Index(stack, at)
		knot := slices.Clone(stack[cut:])
		stack = stack[:cut]
		for _, i := range knot {
			onStack[i] = false
		}
		if len(knot) > 1 {
			slices.Sort(knot)
			knots = append(knots, knot)
		}
	}
	for i := range g {
		if order[i] == unseen {
			visit(i)
		}
	}
	slices.SortFunc(knots, slices.Compare)
	return knots
}

// path is a shortest way of at least one step, without its last node; nil if
// there is none.
func (g graph) path(from, to int) []int {
	before := make([]int, len(g))
	for i := range before {
		before[i] = -1
	}
	queue := []int{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range g[at] {
			if next == to {
				path := []int{at}
				for at != from {
					at = before[at]
					path = append(path, at)
				}
				slices.Reverse(path)
				return path
			}
			if before[next] < 0 && next != from {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// reach says for each node which others it leads to.
func (g graph) reach() [][]bool {
	reach := make([][]bool, len(g))
	for i := range g {
		reach[i] = make([]bool, len(g))
		queue := []int{i}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			for _, next := range g[at] {
				if !reach[i][next] {
					reach[i][next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return reach
}
