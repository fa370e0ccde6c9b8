//go:build integration

package sandbox_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Under deny there is loopback and nothing else: also not the host.
func TestNoNetwork(t *testing.T) {
	l := newLab(t)
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	must(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)

	out := l.ok(t, l.bash("ls /sys/class/net; tail -n +2 /proc/net/route; cat /etc/resolv.conf"), task.Streams{})
	if want := "lo\nnameserver 127.0.0.1\n"; !strings.HasPrefix(out, "lo\n") || strings.Contains(out, "eth") {
		t.Errorf("interfaces, routes and resolvers are %q, want %q", out, want)
	}
	if host, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		for _, word := range strings.Fields(string(host)) {
			if net.ParseIP(word) != nil && word != "127.0.0.1" && strings.Contains(out, word) {
				t.Errorf("the host's resolver %s is known inside", word)
			}
		}
	}
	attacks := map[string]string{
		"resolve a name":                    "getent hosts example.com",
		"loopback is the host":              "timeout 3 bash -c '</dev/tcp/127.0.0.1/" + port + "'",
		"the gateway of the default bridge": "timeout 3 bash -c '</dev/tcp/172.17.0.1/" + port + "'",
		"an address outside":                "timeout 3 bash -c '</dev/tcp/192.0.2.1/80'",
		"cloud metadata":                    "timeout 3 bash -c '</dev/tcp/169.254.169.254/80'",
		"a raw socket":                      "perl -e 'use Socket; socket(S, AF_INET, SOCK_RAW, 1) or exit 1'",
		"a packet socket":                   "perl -e 'socket(S, 17, 3, 768) or exit 1'",
		"a network namespace":               "unshare -n true",
		"a user namespace":                  "unshare -U true",
		"bring an interface up":             "perl -e 'use Socket; socket(S, AF_INET, SOCK_DGRAM, 0); my $r = pack(\"a16 s\", \"lo\", 0); ioctl(S, 0x8914, $r) or exit 1'",
	}
	addrs, err := net.InterfaceAddrs()
	must(t, err)
	for i, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			attacks["host address "+strconv.Itoa(i)] = "timeout 3 bash -c '</dev/tcp/" + ip.IP.String() + "/" + port + "'"
		}
	}
	l.attacks(t, l.bash(""), task.Streams{}, attacks)
}

func TestAllowHasANetwork(t *testing.T) {
	l := newLab(t)
	c := l.bash("ls /sys/class/net; (</dev/tcp/172.17.0.1/9) 2>&1")
	c.Network = task.NetworkAllow
	// Refused is an answer: the same attempt gets none under deny.
	if got := l.do(t, c, task.Streams{}); !strings.Contains(got.out, "eth0") || !strings.Contains(got.out, "refused") {
		t.Errorf("got %q, %q, %v, want eth0 and an answer of the host", got.out, got.errs, got.err)
	}
}

func TestPrivileges(t *testing.T) {
	l := newLab(t)
	for _, mode := range []task.SandboxMode{task.SandboxReadOnly, task.SandboxWorkspaceWrite, task.SandboxDangerFullAccess} {
		t.Run(string(mode), func(t *testing.T) {
			c := l.bash("id -u; id -G; grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status; ulimit -c")
			c.Mode = mode
			got := strings.Join(strings.Fields(l.ok(t, c, task.Streams{})), " ")
			zero := "0000000000000000"
			want := "4242 4242 CapInh: " + zero + " CapPrm: " + zero + " CapEff: " + zero +
				" CapBnd: " + zero + " CapAmb: " + zero + " NoNewPrivs: 1 Seccomp: 2 0"
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestFileSystem(t *testing.T) {
	l := newLab(t)
	must(t, os.WriteFile(filepath.Join(l.tree.Dir, "file"), []byte("x"), 0o666))
	must(t, os.Chmod(filepath.Join(l.tree.Dir, "file"), 0o666))
	c := l.bash("")
	c.Files = []task.File{{Path: "/etc/codex/requirements.toml", Content: []byte("rules")}}
	always := map[string]string{
		"write to /etc":                    "touch /etc/x",
		"write to /":                       "touch /x",
		"write to the tools":               "touch " + task.ToolsDir + "/bin/x",
		"replace sandbox-init":             "cp /bin/true " + task.SandboxInit,
		"remount the root":                 "mount -o remount,rw /",
		"mount a tmpfs":                    "mount -t tmpfs none /mnt",
		"write a rules file":               "echo x > /etc/codex/requirements.toml",
		"chmod a rules file":               "chmod 777 /etc/codex/requirements.toml",
		"move a rules file":                "mv /etc/codex/requirements.toml /tmp/",
		"unmount a rules file":             "umount /etc/codex/requirements.toml",
		"write passwd":                     "echo x >> /etc/passwd",
		"write objects":                    "touch " + task.ObjectsDir + "/0/x",
		"change an object":                 "echo x > " + task.ObjectsDir + "/0/pack",
		"write .git":                       "echo x > /workspace/.git",
		"remove .git":                      "rm -f /workspace/.git && test ! -e /workspace/.git",
		"move .git":                        "mv /workspace/.git /workspace/git",
		"replace .git":                     "echo x > /workspace/g && mv /workspace/g /workspace/.git",
		"link over .git":                   "ln -sf /tmp /workspace/.git",
		"unmount .git":                     "umount /workspace/.git",
		"lazily unmount .git":              "umount -l /workspace/.git",
		"see the own .git of the worktree": "grep -r secret /workspace/.git",
		"move the workspace":               "mv /workspace /w",
		"see .git in a new mount ns":       "unshare -m umount /workspace/.git",
		"write the hosts of the engine":    "echo x >> /etc/hosts",
		"write a sysctl":                   "echo 1 > /proc/sys/kernel/panic",
		"write a cgroup":                   "find /sys/fs/cgroup -writable -type f | grep .",
		"make a cgroup":                    "find /sys/fs/cgroup -type d -exec mkdir {}/x \\; -quit && find /sys/fs/cgroup -name x | grep .",
		"see the socket of the engine":     "ls /var/run/docker.sock",
		"a block device":                   "find /dev -type b | grep .",
		"make a device":                    "mknod /tmp/d b 8 0",
		"a setuid program":                 "find / -xdev -perm -4000 -user root -exec {} --help \\; -quit && test $(id -u) = 0",
		"read kernel memory":               "head -c1 /proc/kcore | grep -q .",
	}
	t.Run("workspace-write", func(t *testing.T) {
		l.attacks(t, c, task.Streams{}, always)
		c := c
		c.Command = []string{"bash", "-c", "set -e; cat /workspace/.git /etc/codex/requirements.toml; echo new > /workspace/new; " +
			"echo g > " + task.GitDir + "/HEAD; echo h > ~/h; echo t > /tmp/t; mkdir -p $CODEX_HOME/x; cp /bin/true /tmp/true; /tmp/true; whoami; pwd; cat " + task.ObjectsDir + "/0/pack"}
		if got, want := l.ok(t, c, task.Streams{}), "gitdir: "+task.GitDir+"\nrulescodex\n/workspace\nobjects"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if b, err := os.ReadFile(filepath.Join(l.tree.Dir, "new")); err != nil || string(b) != "new\n" {
			t.Errorf("the worktree on the host holds %q, %v", b, err)
		}
		if b, _ := os.ReadFile(filepath.Join(l.tree.Dir, ".git")); !strings.Contains(string(b), "secret") {
			t.Errorf("the host's own .git became %q", b)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		c := c
		c.Mode = task.SandboxReadOnly
		l.attacks(t, c, task.Streams{}, map[string]string{
			"write to the worktree": "echo x > /workspace/file",
			"add to the worktree":   "touch /workspace/other",
			"remount the worktree":  "mount -o remount,rw /workspace",
		})
		c.Command = []string{"bash", "-c", "cat /workspace/file && echo ok > " + task.GitDir + "/index"}
		l.ok(t, c, task.Streams{})
	})
}

func TestEnvironment(t *testing.T) {
	t.Setenv("CMR_TEST_SECRET", "leak")
	l := newLab(t)
	c := l.bash("env")
	c.Env = map[string]string{"GIVEN": "yes", "HOME": "/elsewhere", "PATH": "/elsewhere"}
	out := l.ok(t, c, task.Streams{})
	for _, line := range []string{"GIVEN=yes", "HOME=" + task.HomeDir, "CODEX_HOME=" + task.CodexHome} {
		if !strings.Contains("\n"+out, "\n"+line+"\n") {
			t.Errorf("no line %q in:\n%s", line, out)
		}
	}
	if strings.Contains(out, "leak") || !strings.Contains(out, "PATH="+task.ToolsDir+"/bin:/usr/") {
		t.Errorf("environment is:\n%s", out)
	}
}

// Nothing that the command can do to its own kind reaches PID 1 or the bridge.
func TestInitAndBridgeCannotBeTouched(t *testing.T) {
	l := newLab(t)
	attacks := map[string]string{}
	// A Go program that is not position-independent starts at 0x400000.
	touch := func(name, pid, addr string) {
		for _, file := range []string{"environ", "maps", "auxv", "stack", "syscall", "personality"} {
			attacks["read "+file+" of "+name] = "head -c1 /proc/" + pid + "/" + file + " | grep -qa ."
		}
		attacks["list files of "+name] = "ls /proc/" + pid + "/fd | grep ."
		attacks["use the stdin of "+name] = "echo x > /proc/" + pid + "/fd/0"
		attacks["use the stdout of "+name] = "echo x > /proc/" + pid + "/fd/1"
		attacks["see through the root of "+name] = "ls /proc/" + pid + "/root/"
		attacks["enter "+name] = "nsenter -t " + pid + " -m true"
		attacks["attach to "+name] = "perl -e 'exit(syscall(101, 16, int($ARGV[0]), 0, 0) == 0 ? 0 : 1)' " + pid
		attacks["seize "+name] = "perl -e 'exit(syscall(101, 0x4206, int($ARGV[0]), 0, 0) == 0 ? 0 : 1)' " + pid
		attacks["open mem of "+name] = "perl -e 'open(my $h, \"<\", \"/proc/$ARGV[0]/mem\") or exit 1; sysseek($h, oct($ARGV[1]), 0); exit(sysread($h, my $b, 8) == 8 ? 0 : 1)' " + pid + " " + addr
		attacks["read memory of "+name] = "perl -e 'my $b=\"x\"x8; my $l=pack(\"QQ\",unpack(\"Q\",pack(\"p\",$b)),8); my $r=pack(\"QQ\",oct($ARGV[1]),8); exit(syscall(310,int($ARGV[0]),$l,1,$r,1,0)>0 ? 0 : 1)' " + pid + " " + addr
	}
	// The same on a process of the command's own, to see that they can work.
	touch("self", "$SELF", "0x$(head -1 /proc/$SELF/maps | cut -d- -f1)")
	var control strings.Builder
	control.WriteString("sleep 60 & SELF=$!; sleep 0.2\n")
	for name, command := range attacks {
		if strings.HasPrefix(name, "use the std") || strings.HasPrefix(name, "enter") || strings.HasPrefix(name, "read stack") || strings.HasPrefix(name, "read memory") {
			continue // refused on one's own process too, or would block
		}
		control.WriteString("(" + command + ") >/dev/null 2>&1 || echo '" + name + "'\n")
	}
	if dull := l.ok(t, l.bash(control.String()+"true"), task.Streams{}); dull != "" {
		t.Errorf("attacks that do not even work on one's own process:\n%s", dull)
	}
	clear(attacks)
	touch("init", "1", "0x400000")
	touch("bridge", "$BRIDGE", "0x400000")
	for _, sig := range []string{"KILL", "STOP", "SEGV", "QUIT", "ABRT", "ILL", "BUS", "FPE", "TRAP", "HUP", "USR1", "USR2", "PIPE", "ALRM", "PROF", "URG", "TSTP", "SYS", "34", "64"} {
		attacks["kill bridge with "+sig] = "kill -s " + sig + " $BRIDGE"
		// The kernel lets us send them; what counts is that PID 1 lives on.
		attacks["kill init with "+sig] = "kill -s " + sig + " 1; sleep 0.05; ! test -d /proc/1"
	}
	attacks["kill everything"] = "trap '' HUP; perl -e 'exit(kill(0, -1) && 1)'; ! (exec 5<>/dev/tcp/127.0.0.1/8128 && echo hi >&5 && read -t 5 x <&5 && test \"$x\" = hi)"
	attacks["take the port of the bridge"] = "perl -e 'use IO::Socket::INET; IO::Socket::INET->new(Listen=>1, LocalAddr=>\"127.0.0.1:8128\", ReuseAddr=>1, ReusePort=>1) or exit 1'"
	for name, command := range attacks {
		attacks[name] = `BRIDGE=$(for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline | grep -q "^[^ ]*sandbox-init bridge" && basename $p; done | head -1); test -n "$BRIDGE" || exit 0; ` + command
	}
	l.attacks(t, l.bash(""), task.Streams{Tunnel: echoTunnel}, attacks)
}
