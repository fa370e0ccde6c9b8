package runner

import (
	"context"
	"fmt"
	"slices"
)

// schedule starts the attempts of a run's tasks as slots become free. Only the
// goroutine of run touches it and its tasks; the others send it events.
//
// Nothing here stands between a cancel and a container: each attempt sees the
// end of its own context.
type schedule struct {
	tasks []*taskRun // in the order given
	order []int      // of their indexes: dependencies first
	free  int        // slots
	left  int        // tasks that have not ended

	events chan func() // what a goroutine of ours has to say at its end
	wake   chan struct{}
}

func newSchedule(r *run) *schedule {
	return &schedule{
		tasks: r.all, order: r.order, free: max(1, r.job.Plan.Concurrency), left: len(r.all),
		events: make(chan func()), wake: make(chan struct{}, 1),
	}
}

// run returns when all tasks have ended and nothing of theirs is at work.
func (s *schedule) run(lives []context.Context) {
	for _, life := range lives {
		stop := context.AfterFunc(life, s.nudge)
		defer stop()
	}
	for s.settle(lives); s.left > 0; s.settle(lives) {
		s.start(lives)
		select {
		case event := <-s.events:
			event()
		case <-s.wake:
		}
	}
}

// nudge lets run look at the tasks again: one has been cancelled.
func (s *schedule) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// settle ends the tasks that cannot start or go on. It goes by dependencies, so
// that what a skipped task holds up is skipped in the same pass.
func (s *schedule) settle(lives []context.Context) {
	for _, i := range s.order {
		t, life := s.tasks[i], lives[i]
		switch {
		case t.ended || t.concluding || t.running > 0:
		case t.begun > 0:
			if t.begun == t.attempts || life.Err() != nil {
				s.conclude(life, t)
			}
		case life.Err() != nil:
			s.end(t, ending{result: notStarted(life, t.spec)})
		default:
			if why := t.unmet(); why != "" {
				s.end(t, ending{result: skipped(t.spec, why)})
			}
		}
	}
}

// start gives free slots to attempts, in the order in which the tasks were
// given; those that wait for another task are passed over.
func (s *schedule) start(lives []context.Context) {
	for i, t := range s.tasks {
		for s.free > 0 && t.ready() {
			s.free--
			t.begun++
			t.running++
			n := t.begun
			go func() {
				done := t.attempt(lives[i], n)
				s.events <- func() {
					s.free++
					t.running--
					t.outcomes = append(t.outcomes, done)
				}
			}()
		}
	}
}

// conclude makes a task's result of its attempts. It keeps their last slot, so
// that a task which waits for this one is not overtaken by those after it.
func (s *schedule) conclude(life context.Context, t *taskRun) {
	t.concluding = true
	s.free--
	go func() {
		e := t.conclude(life)
		s.events <- func() {
			s.free++
			s.end(t, e)
		}
	}()
}

func (s *schedule) end(t *taskRun, e ending) {
	t.ended, t.end = true, e
	s.left--
	t.board.done(t.index, e.result)
}

// unmet says why a task will never start: all that it depends on has ended, and
// something is no success. It is empty as long as that is not known.
func (t *taskRun) unmet() string {
	var why []string
	for _, d := range t.dependsOn() {
		if !d.ended {
			return ""
		}
		if !d.succeeded() {
			why = append(why, d.fault())
		}
	}
	if len(why) == 0 {
		return ""
	}
	return fmt.Sprintf("Not started: it depends on %s.", join(why))
}

// fault names a task that is no success, and what that comes from.
func (t *taskRun) fault() string {
	how := string(t.end.result.Status)
	for _, root := range t.roots() {
		if root != t {
			how += fmt.Sprintf(", because %s is %s", root.spec.ID, root.end.result.Status)
		}
	}
	return fmt.Sprintf("%s (%s)", t.spec.ID, how)
}

// roots are the tasks that kept t from a success: itself, if it did so.
func (t *taskRun) roots() (all []*taskRun) {
	for _, d := range t.dependsOn() {
		if d.succeeded() {
			continue
		}
		for _, root := range d.roots() {
			if !slices.Contains(all, root) {
				all = append(all, root)
			}
		}
	}
	if all == nil {
		return []*taskRun{t}
	}
	return all
}
