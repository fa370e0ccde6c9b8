//go:build linux

package main

import (
	"os/exec"
	"testing"
)

// The command may be nice itself, but must not make PID 1 so: that would then see
// the end of the lifeline, and a kill, as late as the command likes.
func TestTheCommandCannotStarvePID1(t *testing.T) {
	for _, tool := range []string{"renice", "chrt"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	for name, c := range map[string]struct {
		command string
		refused bool
	}{
		"its priority":            {"renice -n 19 -p $PPID", true},
		"its group's priority":    {"renice -n 19 -g $(ps -o pgid= -p $PPID)", true},
		"its user's priority":     {"renice -n 19 -u $(id -u)", true},
		"its policy":              {"chrt --idle -p 0 $PPID", true},
		"a thread's policy":       {"for t in $(ls /proc/$PPID/task); do chrt --batch -p 0 $t && exit 0; done; exit 1", true},
		"its own priority":        {"nice -n 5 true", false},
		"the policy of a program": {"chrt --idle 0 true", false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := sandboxInit(t, "run", "--", "sh", "-c", c.command)
			hold(t, cmd)
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.refused {
				t.Errorf("error %v, want one: %t\n%s", err, c.refused, out)
			}
		})
	}
}
