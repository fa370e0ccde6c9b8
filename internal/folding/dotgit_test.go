package folding_test

import (
	"testing"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/folding"
)

func TestIsDotGit(t *testing.T) {
	for name, want := range map[string]bool{
		".git": true, ".GIT": true, ".gIt": true, ".g\u0130t": true, ".g\u0131t": true,
		// NTFS and Windows
		"git~1": true, "GIT~1": true, ".git.": true, ".git ": true, ".git. .": true, "git~1 .": true,
		".git:": true, ".git::$INDEX_ALLOCATION": true, ".git. :x": true, "git~1:x": true,
		`.git\hooks`: true, `.git\`: true, `src\.GIT`: true, `src\git~1\x`: true, `.git .\x`: true,
		// HFS+, and others that drop what has no width
		".g\u200cit": true, "\ufeff.git": true, ".git\u206f": true, ".\u202egit": true,
		".g\u034fit": true, ".g\u180eit": true, ".git\ufe0f": true, "\u2060.git": true, ".gi\u3164t": true, ".g\u00adit": true,
		".git.\u200d. ": true, ".git \u034f": true, "\u200bgit~1": true, "g\U000e0100it~1": true,
		// controls
		".git\n": true, "\x01.git": true,

		".gitignore": false, ".gitmodules": false, ".github": false, "git": false, "x.git": false, ".git.x": false, ".gi": false,
		"git~2": false, "git~10": false, "": false, ".": false, " .git": false, "a:.git": false, `x.git\y`: false, `\`: false,
		".g\xffit": false, ".git\u0301": false, "git\u20281": false, ".g t": false,
	} {
		if got := folding.IsDotGit(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
