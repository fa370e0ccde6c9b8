package sandbox

import (
	"slices"
	"strings"
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestEnvironmentOfAnImage(t *testing.T) {
	const tools = task.ToolsDir + "/bin:"
	cases := map[string]struct {
		image []string
		own   map[string]string
		want  string // a line
	}{
		"no PATH":                  {nil, nil, "PATH=" + tools + defaultPath},
		"an empty PATH":            {[]string{"PATH="}, nil, "PATH=" + tools + defaultPath},
		"nothing of PATH is left":  {[]string{"PATH=:.:/tmp:/workspace:/"}, nil, "PATH=" + tools + defaultPath},
		"the runner's PATH":        {[]string{"PATH=" + tools + "/usr/bin"}, nil, "PATH=" + tools + "/usr/bin"},
		"writable directories":     {[]string{"PATH=/usr/bin:/home/codex/bin:/workspace/node_modules/.bin:/dev/shm:/usr/../tmp:/proc/self/cwd:/bin"}, nil, "PATH=" + tools + "/usr/bin:/bin"},
		"only like a writable one": {[]string{"PATH=/workspaces/bin:/tmpl"}, nil, "PATH=" + tools + "/workspaces/bin:/tmpl"},
		"PATH twice":               {[]string{"PATH=/a", "PATH=/b"}, nil, "PATH=" + tools + "/b"},
		"a preload of the image":   {[]string{"LD_PRELOAD=libjemalloc.so.2"}, nil, "LD_PRELOAD=libjemalloc.so.2"},
		"a preload of the task":    {[]string{"LD_PRELOAD=/usr/lib/a.so /workspace/x.so:./y.so"}, nil, "LD_PRELOAD=/usr/lib/a.so"},
		"the current directory":    {[]string{"LD_LIBRARY_PATH=/usr/lib/x:"}, nil, "LD_LIBRARY_PATH=/usr/lib/x"},
		"a shell's start file":     {[]string{"BASH_ENV=/workspace/.env"}, nil, "BASH_ENV"},
		"one of the image":         {[]string{"BASH_ENV=/usr/local/nvm/nvm.sh"}, nil, "BASH_ENV=/usr/local/nvm/nvm.sh"},
		"a proxy":                  {[]string{"All_Proxy=http://x"}, nil, "All_Proxy"},
		"a key":                    {[]string{"OPENAI_API_KEY=x"}, nil, "OPENAI_API_KEY"},
		"a word to Codex":          {[]string{"CODEX_SQLITE_HOME=/x"}, nil, "CODEX_SQLITE_HOME"},
		"Codex's home":             {[]string{"CODEX_HOME=/x"}, nil, "CODEX_HOME=" + task.CodexHome},
		"the task wins":            {[]string{"A=image"}, map[string]string{"A": "task"}, "A=task"},
		"ours wins":                {nil, map[string]string{"PATH": "/x", "HOME": "/x"}, "PATH=" + tools + defaultPath},
		"no name":                  {[]string{"=x", "", "A=1"}, nil, "A=1"},
		"taken away, then set":     {[]string{"A=1", "http_proxy=x"}, map[string]string{"http_proxy": "y"}, "http_proxy=y"},
		"no value":                 {[]string{"A"}, nil, "A="},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := environment(c.image, c.own, task.PurposeCodex)
			if !slices.Contains(got, c.want) {
				t.Errorf("no %q in %q", c.want, got)
			}
			if slices.ContainsFunc(got, func(l string) bool { return l == "" || l[0] == '=' }) {
				t.Errorf("a line without a name in %q", got)
			}
		})
	}
}

// A verify command is told nothing of Codex, whatever the image says.
func TestAVerifyCommandHasNothingOfCodex(t *testing.T) {
	got := environment([]string{"CODEX_HOME=/x", "CODEX_API_KEY=x"}, map[string]string{"CI": "1"}, task.PurposeVerify)
	for _, line := range got {
		if strings.HasPrefix(line, "CODEX_") && strings.Contains(line, "=") {
			t.Errorf("%q is set", line)
		}
	}
	if !slices.Contains(got, "CODEX_HOME") { // a name alone: the image's is taken away
		t.Errorf("the image's CODEX_HOME stays: %q", got)
	}
}
