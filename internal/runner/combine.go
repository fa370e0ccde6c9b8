package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	combineTimeout = 2 * time.Minute
	// maxPairs is how many pairs are merged whatever they change; 28 tasks have
	// fewer, 50 have 1,225.
	maxPairs = 400
	// mergesAtOnce keeps the machine usable meanwhile.
	mergesAtOnce = 4
)

// couple is two tasks with patches, by index in the plan.
type couple struct {
	first, second *taskRun
	shared        []string // files that both change
}

// combine says whether the tasks' patches can be taken together, by merging what
// they make. It is nil if fewer than two tasks have a patch that applies. That
// it cannot be told is a note: what the tasks made is none the worse.
func (r *run) combine(ctx context.Context) (c *task.Combination, notes []string) {
	var made []*taskRun
	for _, t := range r.all {
		if t.end.changed {
			made = append(made, t)
		}
	}
	if len(made) < 2 {
		return nil, nil
	}
	within, cancel := context.WithTimeout(ctx, combineTimeout)
	defer cancel()
	couples := r.couples(made)
	if all := len(couples); all > maxPairs {
		couples = slices.DeleteFunc(couples, func(c couple) bool { return len(c.shared) == 0 })
		notes = append(notes, fmt.Sprintf("%d pairs of tasks that change no file in common were not merged to see whether they combine.", all-len(couples)))
	}
	pairs, err := r.mergePairs(within, couples)
	c = &task.Combination{Pairs: pairs}
	if err == nil {
		c.Combines, err = r.mergeSuccesses(within, made)
	}
	switch {
	case ctx.Err() != nil: // cancelled: nobody waits for it
		return nil, nil
	case err != nil:
		r.Log.Warn("combine patches", "run", r.job.Plan.RunID, "err", err)
		return nil, []string{fmt.Sprintf("Whether the patches combine is not known: %v.", err)}
	}
	return c, notes
}

// couples are all pairs of which neither stands on the other, in the plan's order.
func (r *run) couples(made []*taskRun) (all []couple) {
	below := r.deps.reach(r.order)
	for n, a := range made {
		for _, b := range made[n+1:] {
			if !below[a.index][b.index] && !below[b.index][a.index] {
				all = append(all, couple{a, b, shared(a.end.result.FilesChanged, b.end.result.FilesChanged)})
			}
		}
	}
	return all
}

// mergePairs merges each couple, and tells of those that share files or conflict.
func (r *run) mergePairs(ctx context.Context, couples []couple) ([]task.Pair, error) {
	type numbered struct {
		n    int
		pair task.Pair
	}
	var mu sync.Mutex
	var told []numbered
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(mergesAtOnce)
	for n, c := range couples {
		g.Go(func() error {
			ids := []string{c.first.spec.ID, c.second.spec.ID}
			_, conflicts, err := r.store.Merge(ctx, []string{c.first.end.commit, c.second.end.commit}, "codex: "+join(ids))
			if err != nil {
				return fmt.Errorf("merge %s: %w", join(ids), err)
			}
			if len(conflicts) > 0 || len(c.shared) > 0 {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, numbered{n, task.Pair{
					Tasks: ids, SharedFiles: c.shared,
					Combines: len(conflicts) == 0, Conflicts: texts(conflicts),
				}})
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(told, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	pairs := make([]task.Pair, 0, len(told))
	for _, p := range told {
		pairs = append(pairs, p.pair)
	}
	return pairs, nil
}

// mergeSuccesses reports whether all patches of tasks that are a success merge,
// in dependency order.
func (r *run) mergeSuccesses(ctx context.Context, made []*taskRun) (bool, error) {
	var commits []string
	for _, i := range r.order {
		if t := r.all[i]; t.succeeded() && slices.Contains(made, t) {
			commits = append(commits, t.end.commit)
		}
	}
	if len(commits) < 2 {
		return true, nil
	}
	commit, _, err := r.store.Merge(ctx, commits, "codex: all that succeeded")
	if err != nil {
		return false, fmt.Errorf("merge what succeeded: %w", err)
	}
	return commit != "", nil
}

// texts makes names fit for JSON.
func texts(names []string) []string {
	all := make([]string, 0, len(names))
	for _, name := range names {
		all = append(all, text([]byte(name)))
	}
	return all
}

// shared gives what is in both lists, sorted, each once.
func shared(a, b []string) []string {
	in := map[string]bool{}
	for _, name := range a {
		in[name] = true
	}
	both := []string{}
	for _, name := range b {
		if in[name] {
			both = append(both, name)
			delete(in, name)
		}
	}
	slices.Sort(both)
	return both
}
