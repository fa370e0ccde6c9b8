package sandbox

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// proxyNames are taken away if the image sets them: a proxy is of no use in a
// sandbox, and one that the image names would catch the calls to the gateway.
var proxyNames = []string{"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"}

// environment is the image's, then the task's, then ours, sorted; Codex's home is
// only where Codex is. The engine adds what the image sets and we do not name: a
// name alone takes it away.
func environment(image []string, own map[string]string, purpose task.Purpose) []string {
	env, gone := imageEnvironment(image)
	tools := task.ToolsDir + "/bin"
	searched := strings.TrimPrefix(pathOf(image), tools+":") // the runner image has it already
	maps.Copy(env, own)
	env["PATH"] = tools + ":" + searched
	env["HOME"] = task.HomeDir
	if purpose != task.PurposeVerify {
		env["CODEX_HOME"] = task.CodexHome
	}
	list := make([]string, 0, len(env)+len(gone))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	for name := range gone {
		if _, set := env[name]; !set {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// imageEnvironment is what an image may set, and what it must not. The shell that
// asks the guard runs with it: what that loads before it asks must not lie where a
// task can write. And what Codex is told about itself is ours to say.
func imageEnvironment(image []string) (env map[string]string, gone map[string]bool) {
	env, gone = map[string]string{}, map[string]bool{}
	for _, entry := range image {
		name, value, _ := strings.Cut(entry, "=")
		kept := value
		switch {
		case name == "":
			continue
		case strings.HasPrefix(name, "CODEX_") || strings.HasPrefix(name, "OPENAI_"),
			slices.Contains(proxyNames, strings.ToLower(name)),
			name == "BASH_ENV" && writable(value):
			kept = ""
		case name == "LD_LIBRARY_PATH":
			kept = strings.Join(slices.DeleteFunc(strings.Split(value, ":"), writable), ":")
		case name == "LD_PRELOAD" || name == "LD_AUDIT":
			files := strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' })
			// A bare name is looked up in the library path.
			kept = strings.Join(slices.DeleteFunc(files, func(f string) bool { return strings.Contains(f, "/") && writable(f) }), ":")
		}
		delete(env, name)
		delete(gone, name)
		if kept == "" && value != "" {
			gone[name] = true
		} else {
			env[name] = kept
		}
	}
	return env, gone
}

// pathOf is an image's PATH, without what a task could put programs into.
func pathOf(image []string) string {
	value := ""
	for _, entry := range image {
		if v, ok := strings.CutPrefix(entry, "PATH="); ok {
			value = v
		}
	}
	dirs := slices.DeleteFunc(strings.Split(value, ":"), writable)
	if len(dirs) == 0 {
		return defaultPath
	}
	return strings.Join(dirs, ":")
}

// writable says whether a task can write to that place, or make it its own by
// choosing the working directory.
func writable(file string) bool {
	if !path.IsAbs(file) {
		return true
	}
	file = path.Clean(file)
	return file == "/" || slices.ContainsFunc([]string{
		task.WorkspaceDir, task.HomeDir, task.GitDir, task.SessionsDir, tmpDir, "/var/tmp", "/dev", "/proc",
	}, func(dir string) bool { return within(file, dir) })
}
