package task

import (
	"errors"
	"fmt"
	"strings"
)

// Refusal is an error that the caller can mend: bad input, a missing image, a
// directory that is no repository. It says what is wrong and what to do, each
// in one sentence, and nothing has been started or left behind.
type Refusal struct {
	// Where is the path of the offending field, as in "tasks[2].timeout_sec"; may be empty.
	Where string
	// What is wrong.
	What string
	// Mend is what to do about it.
	Mend string
	// Err is the cause, if there is one; it is not part of the text.
	Err error
}

// NoSuchTask refuses the id of a task that a run does not have. known are those
// that it has.
func NoSuchTask(where, runID, taskID string, known []string) *Refusal {
	return &Refusal{
		Where: where, What: fmt.Sprintf("The run %q has no task %q.", runID, taskID),
		Mend: "It has " + strings.Join(known, ", ") + ".",
	}
}

func (r *Refusal) Error() string {
	var b strings.Builder
	if r.Where != "" {
		b.WriteString(r.Where + ": ")
	}
	b.WriteString(r.What)
	if r.Mend != "" {
		b.WriteString(" " + r.Mend)
	}
	return b.String()
}

func (r *Refusal) Unwrap() error { return r.Err }

// Refusals finds every Refusal in a tree of wrapped and joined errors, in
// order. It returns nil if there is none: then the error is our machinery's.
func Refusals(err error) []*Refusal {
	var r *Refusal
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case nil:
		return nil
	case *Refusal:
		return []*Refusal{e}
	case interface{ Unwrap() []error }:
		var all []*Refusal
		for _, inner := range e.Unwrap() {
			all = append(all, Refusals(inner)...)
		}
		return all
	default:
		if errors.As(err, &r) {
			return Refusals(errors.Unwrap(err))
		}
		return nil
	}
}
