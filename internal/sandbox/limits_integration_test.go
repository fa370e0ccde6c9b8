//go:build integration

package sandbox_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const memoryHog = `perl -e '$x = "a" x (1 << 30); sleep 5'`

func TestMemory(t *testing.T) {
	l := newLab(t)
	cases := map[string]struct {
		script string
		oom    bool
		code   int
	}{
		"the command itself":            {"exec " + memoryHog, true, 137},
		"a child, and the rest goes on": {memoryHog + "; exit 7", true, 7},
		"a child nobody waits for":      {memoryHog + " & sleep 2; exit 0", true, 0},
		"just before the end":           {"(" + memoryHog + "; kill -9 $$) & sleep 60", true, 137},
		"a tmpfs":                       {"mkdir -p ~/d; for i in 1 2 3 4 5 6 7 8 9; do head -c 30000000 /dev/zero > ~/d/$i || exit 9; done", false, 9},
		"a faked exit code":             {"exit 137", false, 137},
		"a faked kill":                  {"kill -9 $$", false, 137},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := l.do(t, l.bash(c.script), task.Streams{Tunnel: echoTunnel})
			if got.err != nil || got.OOMKilled != c.oom || got.Code != c.code {
				t.Errorf("OOMKilled %t, code %d, error %v; want %t, %d\n%s", got.OOMKilled, got.Code, got.err, c.oom, c.code, got.errs)
			}
		})
	}
}

// The news of a kill and the news of the end take different ways to the engine.
func TestMemoryReportIsNotARace(t *testing.T) {
	l := newLab(t)
	for i := range 15 {
		c := l.bash("exec " + `perl -e '$x = "a" x (1 << 27)'`)
		c.Limits.MemoryBytes = 32 << 20
		if got := l.do(t, c, task.Streams{}); !got.OOMKilled {
			t.Fatalf("run %d: OOMKilled is false: %+v, %v", i, got.Exit, got.err)
		}
	}
}

func TestForkBomb(t *testing.T) {
	l := newLab(t)
	bomb := `trap '' CHLD; b() { while :; do b & done; } 2>/dev/null; `
	t.Run("the container still ends", func(t *testing.T) {
		got := l.do(t, l.bash(`(`+bomb+`b) 2>/dev/null & sleep 2; cat /sys/fs/cgroup/pids/pids.current /sys/fs/cgroup/pids.current 2>/dev/null || true; exit 5`), task.Streams{Tunnel: echoTunnel})
		if got.err != nil {
			t.Fatalf("error %v\n%s", got.err, tailOf(got.errs))
		}
		t.Logf("code %d, pids.current %q", got.Code, got.out)
	})
	t.Run("tunnel and PID 1 live through it", func(t *testing.T) {
		// Perl takes every pid there is, then talks through the tunnel itself.
		got := l.do(t, l.bash(`exec perl -e '
			use IO::Socket::INET;
			my $n = 0;
			while (1) { my $p = fork; last unless defined $p; if (!$p) { sleep 60; exit } $n++ }
			for my $i (1..20) {
				my $s = IO::Socket::INET->new("127.0.0.1:8128") or die "connect: $!";
				print $s "ping $i\n"; $s->flush; my $x = <$s>; $x eq "ping $i\n" or die "answer";
			}
			print "forked $n\n"; exit 4'`), task.Streams{Tunnel: echoTunnel})
		n, _ := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(got.out), "forked "))
		if got.err != nil || got.Code != 4 || n < 20 || n >= 128 {
			t.Errorf("code %d, stdout %q, stderr %q, error %v", got.Code, got.out, tailOf(got.errs), got.err)
		}
	})
}

func TestSizes(t *testing.T) {
	l := newLab(t)
	fills := map[string]string{
		"one file":      "cd /workspace; trap '' XFSZ; head -c 80000000 /dev/zero > big",
		"/tmp":          "head -c 40000000 /dev/zero > /tmp/big",
		"home":          "head -c 40000000 /dev/zero > ~/big",
		"/dev/shm":      "head -c 10000000 /dev/zero > /dev/shm/big",
		"/dev":          "touch /dev/x",
		"files at once": "perl -e 'my @f; for (1..1100) { open(my $h, \"<\", \"/dev/null\") or exit 1; push @f, $h }'",
		"more files":    "ulimit -n 100000",
		"a longer file": "ulimit -f unlimited",
		"core dumps":    "ulimit -c 1",
		"nice":          "nice -n -5 true && test $(nice -n -5 nice) -lt 0",
	}
	l.attacks(t, l.bash(""), task.Streams{}, fills)
}

func tailOf(s string) string { return s[max(0, len(s)-500):] }
