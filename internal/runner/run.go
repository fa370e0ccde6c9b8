package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// run is a plan at work. Its fields do not change once its tasks have begun.
type run struct {
	Options
	job    Job
	base   string // the commit that base_ref named
	record RunRecord
	deps   dependencies
	order  []int // of the tasks: dependencies first
	work   layout
	store  Store
	board  *board
	all    []*taskRun // as in the plan
}

// layout is where the parts of a run lie in its work directory. Ids of tasks are
// on a level of their own, so no id can be mistaken for something else.
//
//	store                   the run's objects
//	tasks/<id>/<n>          the nth attempt's workspace
//	tasks/<id>/<n>-verify   the one in which its verify commands run
type layout string

func (l layout) store() string         { return filepath.Join(string(l), "store") }
func (l layout) tasks() string         { return filepath.Join(string(l), "tasks") }
func (l layout) task(id string) string { return filepath.Join(l.tasks(), id) }
func (l layout) attempt(id string, n int) string {
	return filepath.Join(l.task(id), fmt.Sprint(n))
}

// tasks does all tasks and fills in their results. lives[i] ends when task i is
// to end.
func (r *run) tasks(ctx context.Context, lives []context.Context, results []task.Result) {
	r.board = newBoard(r.job.Plan, r.job.Progress)
	store, err := r.job.Repo.OpenStore(ctx, r.work.store())
	if err != nil && ctx.Err() == nil {
		r.Log.Error("open the run's store", "run", r.job.Plan.RunID, "err", err)
		for i, spec := range r.job.Plan.Tasks {
			results[i] = broken(spec, task.Result{}, err)
			r.board.done(i, results[i])
		}
		return
	}
	r.store = store
	for i, spec := range r.job.Plan.Tasks {
		r.all = append(r.all, newTaskRun(lives[i], r, i, spec)) //nolint:contextcheck // each life ends with ctx
	}
	newSchedule(r).run(lives) //nolint:contextcheck // likewise
	for i, t := range r.all {
		results[i] = t.end.result
	}
}

// clear takes away what the run leaves in its work directory. Worktrees that
// were to be kept stay, with the directories in which they are.
func (r *run) clear() {
	if err := os.RemoveAll(r.work.store()); err != nil {
		r.Log.Warn("remove the run's store", "run", r.job.Plan.RunID, "err", err)
	}
	for _, spec := range r.job.Plan.Tasks {
		_ = os.Remove(r.work.task(spec.ID)) // if it is empty
	}
	_ = os.Remove(r.work.tasks()) // likewise
}
