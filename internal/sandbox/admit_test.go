package sandbox

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestAdmit(t *testing.T) {
	if err := admit(example().Container); err != nil {
		t.Errorf("a good container is refused: %v", err)
	}
	cases := map[string]struct {
		change func(*task.Container)
		want   string
	}{
		"root":              {func(c *task.Container) { c.Tree.UID = 0 }, "never runs as root"},
		"root's group":      {func(c *task.Container) { c.Tree.GID = 0 }, "never runs as root"},
		"negative uid":      {func(c *task.Container) { c.Tree.UID = -1 }, "never runs as root"},
		"no command":        {func(c *task.Container) { c.Command = nil }, "no command"},
		"empty command":     {func(c *task.Container) { c.Command = []string{""} }, "no command"},
		"no purpose":        {func(c *task.Container) { c.Purpose = "" }, "purpose"},
		"another purpose":   {func(c *task.Container) { c.Purpose = "Verify" }, "purpose"},
		"no mode":           {func(c *task.Container) { c.Mode = "" }, "mode"},
		"no network policy": {func(c *task.Container) { c.Network = "" }, "network"},
		"relative tree":     {func(c *task.Container) { c.Tree.Dir = "tree" }, "absolute"},
		"no git directory":  {func(c *task.Container) { c.Tree.GitDir = "" }, "absolute"},
		"unclean objects":   {func(c *task.Container) { c.Tree.Objects = []string{"/a/../b"} }, "clean"},
		"no memory limit":   {func(c *task.Container) { c.Limits.MemoryBytes = 0 }, "no limit of memory"},
		"no pids limit":     {func(c *task.Container) { c.Limits.Pids = -1 }, "no limit of pids"},
		"file climbs":       {func(c *task.Container) { c.Files = []task.File{{Path: "/etc/../root/x"}} }, "clean"},
		"file is passwd":    {func(c *task.Container) { c.Files = []task.File{{Path: "/etc/passwd"}} }, "own"},
		"file is a tool":    {func(c *task.Container) { c.Files = []task.File{{Path: task.SandboxInit}} }, "tools"},
		"odd variable":      {func(c *task.Container) { c.Env = map[string]string{"A=B": "c"} }, "name"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			box := example().Container
			c.change(&box)
			if err := admit(box); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestClamp(t *testing.T) {
	asked := task.Limits{CPUs: 8, MemoryBytes: 64 << 30, Pids: 100}
	got, notes := clamp(asked, Info{CPUs: 2, MemoryBytes: 8 << 30})
	if diff := cmp.Diff(task.Limits{CPUs: 2, MemoryBytes: 8 << 30, Pids: 100}, got); diff != "" || len(notes) != 2 {
		t.Errorf("notes %q, limits (-want +got):\n%s", notes, diff)
	}
	if got, notes := clamp(asked, Info{CPUs: 16, MemoryBytes: 128 << 30}); got != asked || len(notes) > 0 {
		t.Errorf("limits that fit became %+v, %q", got, notes)
	}
}

func TestAccounts(t *testing.T) {
	passwd, group := accounts(task.Tree{UID: 1000, GID: 1001}, "/bin/bash")
	if !strings.Contains(string(passwd), "\ncodex:x:1000:1001:Codex:"+task.HomeDir+":/bin/bash\n") {
		t.Errorf("passwd is %s", passwd)
	}
	if !strings.Contains(string(group), "\ncodex:x:1001:\n") {
		t.Errorf("group is %s", group)
	}
	for line := range strings.Lines(string(passwd)) {
		if strings.Count(line, ":") != 6 {
			t.Errorf("passwd has the line %q", line)
		}
	}
}
