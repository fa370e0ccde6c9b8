package validate

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// sensitiveFiles are what a host runs or obeys once the patch is applied,
// without anybody asking for it. Patterns are in lower case, matched without
// regard to case: some file systems have none.
var sensitiveFiles = []struct {
	why      string
	patterns []string
}{
	{"CI runs it, often with secrets", []string{
		".github/workflows/**", ".github/actions/**", "**/action.{yml,yaml}",
		".gitlab-ci.{yml,yaml}", ".gitlab/ci/**", ".circleci/**", ".buildkite/**", ".teamcity/**",
		".travis.yml", ".drone.{yml,yaml,star,jsonnet}", ".woodpecker/**", ".woodpecker.{yml,yaml}",
		"{azure,bitbucket}-pipelines.{yml,yaml}", ".azure-pipelines/**", "{.,}appveyor.yml",
		"cloudbuild.{yml,yaml,json}", "**/jenkinsfile",
	}},
	{"it sets the rules for the next run", []string{".mcp-codex.json"}},
	{"a coding agent obeys it", []string{
		"**/agents.md", "**/agents.override.md", "**/claude.md", "**/claude.local.md", "**/gemini.md",
		"**/.codex/**", "**/.agents/**", "**/.claude/**", "**/.gemini/**", "**/.mcp.json",
		"**/.cursor/**", "**/.cursorrules", ".github/copilot-instructions.md", ".github/instructions/**",
	}},
	{"git obeys it or runs it", []string{
		".husky/**", ".githooks/**", ".hooks/**", "githooks/**", ".pre-commit-config.{yml,yaml}",
		"{.,}lefthook{,-local}.{yml,yaml,toml,json}", ".lefthook/**",
		"**/.gitattributes", "**/.gitmodules", "**/.gitconfig",
	}},
	{"a shell or an editor runs it when the directory is opened", []string{
		"**/.envrc", "**/.vscode/{tasks,settings,launch}.json", "**/*.code-workspace",
		"**/.idea/**", "**/.devcontainer/**", "**/.devcontainer.json", "**/mise.toml", "**/.mise.toml", "**/.exrc", "**/.nvim.lua",
	}},
	{"a package manager or build tool obeys it", []string{
		"**/.npmrc", "**/.yarnrc", "**/.yarnrc.yml", "**/.yarn/{plugins,releases}/**", "**/.pnpmfile.{cjs,mjs}", "**/bunfig.toml",
		"**/.cargo/**", "**/build.rs", "**/setup.py", "**/pip.conf", "**/.bundle/config",
		"**/gradle/wrapper/**", "**/.mvn/**", "**/nuget.config",
	}},
}

// installScript is a line that a patch adds to a package.json and that npm
// runs on install.
var installScript = regexp.MustCompile(`(?m)^\+.*"(?:pre|post)?(?:install|prepare|prepublish)"\s*:`)

// sensitive asks for a look at changes that act on the host by themselves.
func sensitive(changes task.Changes) []task.Finding {
	var found []task.Finding
	installs := bytes.ContainsRune(changes.Patch, '+') && installScript.Match(changes.Patch)
	seen := map[string]bool{}
	for _, c := range changes.Files {
		for _, name := range []string{c.Path, c.OldPath} {
			why := obeyed(name)
			if why == "" && installs && name == c.Path && strings.EqualFold(path.Base(name), "package.json") {
				why = "the patch adds a script that npm runs on install"
			}
			if why == "" || seen[name] {
				continue
			}
			seen[name] = true
			found = append(found, task.Finding{
				Rule:     "sensitive-file",
				Severity: task.SeverityWarning,
				Detail:   fmt.Sprintf("%s was touched: %s.", show(name), why),
				Evidence: name,
			})
		}
	}
	return found
}

func obeyed(name string) string {
	name = strings.ToLower(name)
	for _, group := range sensitiveFiles {
		for _, pattern := range group.patterns {
			if doublestar.MatchUnvalidated(pattern, name) {
				return group.why
			}
		}
	}
	return ""
}
