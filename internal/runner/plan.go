package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// dependencies gives, for each task, the indexes of those that it depends on.
type dependencies [][]int

// resolve finds what the tasks depend on, and an order in which each comes after
// its dependencies and otherwise in its place. Policy has refused what has none;
// here it would wait for ever, so it is an error.
func resolve(specs []task.Spec) (deps dependencies, order []int, err error) {
	index := map[string]int{}
	for i, spec := range specs {
		index[spec.ID] = i
	}
	deps = make(dependencies, len(specs))
	for i, spec := range specs {
		for _, id := range spec.DependsOn {
			j, known := index[id]
			if !known {
				return nil, nil, fmt.Errorf("order the tasks: %q depends on %q, which is no task of the run", spec.ID, id)
			}
			deps[i] = append(deps[i], j)
		}
	}
	const open, placed = 1, 2
	state := make([]int, len(specs))
	var place func(i int) error
	place = func(i int) error {
		switch state[i] {
		case open:
			return fmt.Errorf("order the tasks: %q waits for itself", specs[i].ID)
		case placed:
			return nil
		}
		state[i] = open
		for _, j := range deps[i] {
			if err := place(j); err != nil {
				return err
			}
		}
		state[i] = placed
		order = append(order, i)
		return nil
	}
	for i := range specs {
		if err := place(i); err != nil {
			return nil, nil, err
		}
	}
	return deps, order, nil
}

// reach says of each pair whether the first stands on the second, through
// however many between them. order is resolve's.
func (d dependencies) reach(order []int) []map[int]bool {
	all := make([]map[int]bool, len(d))
	for _, i := range order {
		all[i] = map[int]bool{}
		for _, j := range d[i] {
			all[i][j] = true
			for k := range all[j] {
				all[i][k] = true
			}
		}
	}
	return all
}

// describe says in a few sentences what a spec would run.
func describe(spec task.Spec) string {
	image := spec.Image
	if image == "" {
		image = "the runner image"
	}
	cpus := "1 CPU"
	if spec.Limits.CPUs != 1 {
		cpus = fmt.Sprintf("%g CPUs", spec.Limits.CPUs)
	}
	said := fmt.Sprintf("It would run %s in %s: network %s, %s, %s, %s, %d processes, at most %v; paths %s; commands %s.",
		strings.Join(codex.Command(spec), " "), image, spec.Network, spec.SandboxMode,
		cpus, size(spec.Limits.MemoryBytes), spec.Limits.Pids, spec.Timeout.Round(time.Second),
		orNone(spec.AllowedPaths), orNone(spec.AllowedCommands))
	if len(spec.DependsOn) > 0 {
		said += fmt.Sprintf(" It would start from the patches of %s.", strings.Join(spec.DependsOn, ", "))
	}
	if spec.Attempts > 1 {
		said += fmt.Sprintf(" The best of %d attempts would be its result.", spec.Attempts)
	}
	if len(spec.VerifyCommands) > 0 {
		said += fmt.Sprintf(" Its patch would be verified, without network, by: %s.", strings.Join(spec.VerifyCommands, "; "))
	}
	return said
}

func size(n int64) string { return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30)) }
