//go:build integration

package sandbox_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Nothing in the sandbox gets at the lifeline: neither PID 1's end of it, nor
// PID 1 itself by which it could be held, fed or kept from seeing its end.
func TestTheLifelineIsOutOfReach(t *testing.T) {
	l := newLab(t)
	const hold = "perl -e 'open(F, \"%\", \"/proc/1/fd/0\") or exit 1'"
	attacks := map[string]string{
		"list the files of PID 1":     "ls /proc/1/fd/ | grep .",
		"hold the lifeline":           strings.ReplaceAll(hold, "%", "<"),
		"write into the lifeline":     strings.ReplaceAll(hold, "%", ">>"),
		"hold what PID 1 prints to":   "exec 9>/proc/1/fd/2",
		"take a file by pidfd":        "perl -e '$p = syscall(434, 1, 0); exit($p >= 0 && syscall(438, $p, 0, 0) >= 0 ? 0 : 1)'",
		"trace":                       "perl -e 'exit(syscall(101, 16, 1, 0, 0) == 0 ? 0 : 1)'",
		"seize":                       "perl -e 'exit(syscall(101, 0x4206, 1, 0, 0) == 0 ? 0 : 1)'",
		"read its memory":             "dd if=/proc/1/mem bs=1 count=1",
		"write its memory":            "exec 9>/proc/1/mem",
		"enter by its working place":  "ls /proc/1/cwd/ | grep .",
		"choose it for the OOM kill":  "echo 1000 > /proc/1/oom_score_adj",
		"save it from the OOM kill":   "echo -1000 > /proc/1/oom_score_adj",
		"join its namespaces":         "nsenter -t 1 -m true",
		"freeze the cgroup":           "for f in $(find /sys/fs/cgroup -name '*freez*' -type f); do echo FROZEN > $f; done 2>&1 | grep -v . && find /sys/fs/cgroup -name '*freez*' -type f | grep .",
		"make it run last of all":     "perl -e '$p = pack(\"i\", 0); exit(syscall(144, 1, 5, $p) == 0 ? 0 : 1)'",
		"lower its priority":          "perl -e 'exit(setpriority(0, 1, 19) ? 0 : 1)'",
		"lower all priorities":        "perl -e 'exit(setpriority(2, 0, 19) ? 0 : 1)'",
		"stop it":                     "kill -STOP 1; sleep 0.2; grep -q '^State:.T' /proc/1/status",
		"a stdin that is no lifeline": "test \"$(readlink /proc/self/fd/0)\" = \"$(readlink /proc/1/fd/0)\"",
	}
	l.attacks(t, l.bash(""), task.Streams{Stdin: strings.NewReader("prompt")}, attacks)
}

// besieged does to PID 1 whatever a process of its uid may, holds copies of all
// that it was given, leaves its stdin unread, and never ends.
const besieged = `
trap '' TERM INT HUP QUIT
exec 7<&0 8>&1 9>&2
perl -e 'setpriority(0, 1, 19); setpriority(2, 0, 19)'             # what would make PID 1 run last of all
perl -e '$p = pack("i", 0); syscall(144, $_, 5, $p) for 1 .. 20'   # sched_setscheduler: SCHED_IDLE, all its threads
perl -e '$l = pack("QQ", 0, 0); syscall(302, 1, 7, $l, 0)'         # prlimit: no more files
perl -e '$l = pack("QQ", 0, 0); syscall(302, 1, 11, $l, 0)'        # no more queued signals
for i in $(seq 40); do (while :; do :; done) & done
for i in 1 2 3 4; do setsid sleep 1000 7<&7 8>&8 9>&9 & done
(while :; do kill -STOP 1; kill -TSTP 1; kill -TTIN 1; kill -WINCH 1; kill -USR1 1; kill -SEGV 1; kill -PIPE 1; kill -ALRM 1; done) 2>/dev/null &
echo up
while :; do sleep 1; done`

// However the command besieges PID 1, a cancel ends the container, and so does
// the death of the process that wanted it, when there is nobody left to kill it.
func TestASiegeOfPID1DoesNotOutliveTheLifeline(t *testing.T) {
	l := newLab(t)
	t.Run("cancel", func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		began := time.Now()
		exit, err := l.Run(ctx, l.bash(besieged), task.Streams{
			Stdin:  strings.NewReader(strings.Repeat("x", 1<<20)),
			Stdout: writerFunc(func(p []byte) (int, error) { began = time.Now(); cancel(cause); return len(p), nil }),
			Tunnel: echoTunnel,
		})
		if !errors.Is(err, cause) || exit.Code != 137 {
			t.Errorf("exit code %d, error %v", exit.Code, err)
		}
		t.Logf("gone %s after the cancel", time.Since(began).Round(time.Millisecond))
	})
	t.Run("the server dies", func(t *testing.T) {
		server := l.serve(t, 2, besieged)
		pids := l.pids(t)
		if len(pids) != 2 {
			t.Fatalf("%d containers are up, want 2", len(pids))
		}
		must(t, server.Process.Kill())
		var died *exec.ExitError
		if err := server.Wait(); !errors.As(err, &died) || died.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the server ended with %v", err)
		}
		allDie(t, pids)
		_, err := l.Reap(t.Context())
		must(t, err)
	})
}
