package report

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"golang.org/x/net/html"
)

// attacks are what a sandbox might write to get out of the text. Each would set
// window.pwned, open a dialog, load something, or lie to the eye.
var attacks = []string{
	`</script><script>window.pwned=1;alert(1)</script>`,
	`"><img src=x onerror="window.pwned=1">`,
	`' onmouseover='window.pwned=1' x='`,
	`javascript:window.pwned=1//`,
	`</style><style>@import url(http://127.0.0.1:9/x)</style>`,
	`</title></head><body onload=window.pwned=1>`,
	`</code></pre></details></article><iframe src="http://127.0.0.1:9/"></iframe>`,
	`<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s></svg>`,
	`--><base href="http://127.0.0.1:9/"><meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">`,
	`{{.Result}}{{template "task" .}}`,
	`red;background:url(http://127.0.0.1:9/x);\65xpression(1)`,
	"nul\x00esc\x1b[2J\x1b]8;;http://127.0.0.1:9/\x07link\x1b]8;;\x07",
	"user\u202e\u2066 // admin\u2069\u2066\u200b\ufeff\U000E0041",
	"bad utf-8 \xff\xfe\xc0\xaf\xed\xa0\x80<b>",
	"&#60;script&#62;&lt;img src=x onerror=alert(1)&gt;",
	"../../../../etc/passwd",
	strings.Repeat("A", 70_000) + "<script>alert(1)</script>",
}

// hostile is a run in which every text that can be foreign is s, and so is the
// name and the content of the files of its patch. ext is that of some of them: it
// says which lexer reads the content.
func hostile(s, ext string) Run {
	line := strings.ReplaceAll(s, "\n", " ")
	patch := "diff --git a/" + line + " b/" + line + "\nindex 1..2 100644\n--- a/" + line + "\n+++ b/" + line + "\n@@ -1,1 +1,1 @@ " + line + "\n-" + line + "\n+" + line + "\n" +
		"diff --git \"a/x." + ext + "\" \"b/x." + ext + "\"\nindex 1..2 100644\n--- a/x." + ext + "\n+++ b/x." + ext + "\n@@ -1,1 +1,1 @@\n-\"" + line + "\"\n+// " + line + "\n" +
		"diff --git a/y." + ext + " b/y." + ext + "\nnew file mode 100644\n--- /dev/null\n+++ b/y." + ext + "\n@@ -0,0 +1,1 @@\n+" + line + "\n\\ No newline at end of file\n" +
		"diff --git a/raw b/raw\n" + s + "\n"
	finding := task.Finding{Rule: s, Severity: task.Severity(s), Detail: s, Evidence: s}
	return Run{
		CreatedAt: time.Unix(1_790_000_000, 0).UTC(),
		Plan: task.Plan{RunID: s, BaseRef: s, Concurrency: 1, Tasks: []task.Spec{
			{
				ID: s, Prompt: s, Model: s, Image: s, Runtime: s, AllowedPaths: []string{s}, AllowedCommands: []string{s}, CommandPolicy: task.CommandPolicy(s),
				SandboxMode: task.SandboxMode(s), Network: task.NetworkPolicy(s), Env: map[string]string{s: s}, KeepWorktree: s, VerifyCommands: []string{s},
			},
			{ID: s + "2", Prompt: s, DependsOn: []string{s, s + "3"}},
		}},
		Events: []task.Event{{N: 1, Task: task.TaskProgress{ID: s, State: task.State(s), Activity: s}}},
		Result: task.RunResult{
			RunID: s, BaseCommit: s, JournalPath: s, Notes: []string{s}, Status: task.RunStatus(s), Findings: []task.Finding{finding},
			Progress:    []task.TaskProgress{{ID: s + "2", State: task.State(s), Activity: s}},
			Combination: &task.Combination{Pairs: []task.Pair{{Tasks: []string{s, s + "2"}, SharedFiles: []string{s}, Conflicts: []string{s}}}},
			Review:      &task.ReviewReport{MissingTasks: []string{s}, RiskFlags: []string{s}},
			Results: []task.Result{
				{
					TaskID: s, Status: task.Status(s), FilesChanged: []string{s}, Patch: patch, ApplyCheckLog: s, CommandsRun: []task.Command{{Cmd: s}},
					Evidence: []string{s}, Logs: task.Logs{Stdout: s, Stderr: s + "/tasks/x/stderr.log", Tail: s}, WorkspacePath: s, Summary: s, NotesForManager: s,
					Failure: &task.Failure{Kind: task.FailureKind(s), Message: s, Hint: s}, Findings: []task.Finding{finding}, PatchPath: s + "/tasks/" + s + "/task.patch",
					DependsOn: []string{s}, Verification: []task.Verification{{Command: s, OutputTail: s, LogPath: s + "/tasks/x/verify.log"}},
					Attempts: []task.Attempt{{Status: task.Status(s), JournalPath: s}}, RolloutPath: s, Truncated: []string{s},
				},
				{TaskID: s + "4", FilesChanged: []string{s}},
			},
		},
	}
}

// The elements and attributes of the page. What is not here is not on it,
// whatever the input: no script, iframe, object, img, link, form, and no on*.
var (
	elements = strings.Fields(`html head meta title style body header main section article footer h1 h2 h3 h4 p ul ol li dl dt dd div span
		a code pre strong b i ins del details summary figure figcaption blockquote table thead tbody tr th td svg rect line text time`)
	attributes = strings.Fields(`lang charset http-equiv content name id class aria-labelledby aria-label aria-hidden role focusable
		href datetime open scope tabindex data-n dir translate x y x1 x2 y1 y2 width height rx`)
	anchor   = regexp.MustCompile(`^#(top|task-[0-9]+)$`)
	relative = regexp.MustCompile(`^tasks/[A-Za-z0-9][A-Za-z0-9._-]*/(task\.patch|verify\.log)$`)
	own      = map[string]*regexp.Regexp{
		"id":      regexp.MustCompile(`^(top|run-notes|timeline|combination|review|tasks|task-[0-9]+(-name)?)$`),
		"class":   regexp.MustCompile(`^[a-z ]*$`),
		"data-n":  regexp.MustCompile(`^[0-9]+$`),
		"charset": regexp.MustCompile(`^utf-8$`),
	}
)

// problems says what is wrong with a page, in the eyes of a browser's parser.
func problems(page []byte) []string {
	var wrong []string
	if !utf8.Valid(page) {
		wrong = append(wrong, "it is not UTF-8")
	}
	for i, r := range string(page) {
		if r != '\n' && r != '\t' && visible(0, r, utf8.RuneLen(r), 0) != "" && r != '\ufe0e' && r != '\ufe0f' {
			wrong = append(wrong, fmt.Sprintf("%U at %d", r, i))
		}
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return append(wrong, err.Error())
	}
	ids, metas, styles := map[string]int{}, 0, 0
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			wrong = append(wrong, "a comment: "+n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "meta":
			metas++
		case "style":
			styles++
			if n.FirstChild == nil || n.FirstChild.Data != style {
				wrong = append(wrong, "the style sheet is not ours")
			}
		}
		if !slices.Contains(elements, n.Data) && !(n.Data == "title" && n.Namespace == "svg") {
			wrong = append(wrong, "element "+n.Data)
		}
		for _, a := range n.Attr {
			key := strings.ToLower(a.Key)
			switch {
			case !slices.Contains(attributes, key) || strings.HasPrefix(key, "on"):
				wrong = append(wrong, "attribute "+n.Data+" "+key)
			case key == "href" && (n.Data != "a" || !anchor.MatchString(a.Val) && !relative.MatchString(a.Val)):
				wrong = append(wrong, "link to "+a.Val)
			case own[key] != nil && !own[key].MatchString(a.Val):
				wrong = append(wrong, key+" "+a.Val)
			}
			if key == "id" {
				if ids[a.Val]++; ids[a.Val] > 1 {
					wrong = append(wrong, "twice the id "+a.Val)
				}
			}
		}
	}
	if metas != 5 || styles != 1 {
		wrong = append(wrong, fmt.Sprintf("%d meta and %d style elements", metas, styles))
	}
	return wrong
}

func TestNothingForeignBecomesMarkup(t *testing.T) {
	for i, s := range attacks {
		page, err := HTML(hostile(s, []string{"go", "html", "php", "txt"}[i%4]))
		if err != nil {
			t.Errorf("attack %d: %v", i, err)
			continue
		}
		if wrong := problems(page); len(wrong) > 0 {
			t.Errorf("attack %d (%.40q): %.600q", i, s, wrong)
		}
		if len(page) > 700<<10 {
			t.Errorf("attack %d: the page has %d bytes", i, len(page))
		}
	}
}

// A check that finds nothing wrong with anything would pass the test above.
func TestTheCheckItselfSeesMarkup(t *testing.T) {
	good, err := HTML(hostile("x", "go"))
	if err != nil {
		t.Fatal(err)
	}
	if wrong := problems(good); len(wrong) > 0 {
		t.Errorf("a harmless page: %q", wrong)
	}
	for _, bad := range []string{
		"<script>1</script>", "<iframe></iframe>", "<object></object>", "<img>", "<link>", "<form></form>", "<base>", "<meta>", "<style>p{}</style>",
		`<p onclick="x">`, `<p style="x">`, `<a href="javascript:x">`, `<a href="http://a/">`, `<a href="/x">`, `<a href="tasks/../x">`, `<p id="top">`, `<p id="x">`, "<!-- x -->", "\u202e", "\x1b", "\xff",
	} {
		page := bytes.Replace(good, []byte("<main>"), []byte("<main>"+bad), 1)
		if len(problems(page)) == 0 {
			t.Errorf("%q on the page is not seen", bad)
		}
	}
}

func TestOnlyOurOwnFilesAreLinked(t *testing.T) {
	for path, want := range map[string]string{
		"/j/tasks/a/task.patch":             "tasks/a/task.patch",
		"/j/tasks/a.b_c-1/verify.log":       "tasks/a.b_c-1/verify.log",
		"/j/tasks/a/stderr.log":             "", // begins with what the sandbox wrote
		"/j/tasks/a/transcript.jsonl":       "",
		"/j/tasks/../task.patch":            "",
		"/j/tasks/./task.patch":             "",
		"/j/tasks/a/b/task.patch":           "",
		"/j/tasks/javascript:a/task.patch":  "",
		"/j/tasks/a%2f..%2f/task.patch":     "",
		"/j/tasks/a/task.patch\n":           "",
		"/elsewhere/tasks/a/task.patch":     "",
		"/jj/tasks/a/task.patch":            "",
		"tasks/a/task.patch":                "",
		"/j/tasks/a/rollout-<script>.jsonl": "",
	} {
		if got := link(path, "/j"); got != want {
			t.Errorf("link(%q) = %q, want %q", path, got, want)
		}
	}
	if got := link("/tasks/a/task.patch", ""); got != "" {
		t.Errorf("without a journal: %q", got)
	}
}

func TestWhatTheEyeCannotSeeIsSpelledOut(t *testing.T) {
	page, err := HTML(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"user<i>⟨U+202E⟩</i>", "4 invisible or unreadable characters", // in the patch
		"CRLF line ends", "more on this line", "no newline at the end", "binary, now 1.5 KiB", "renamed", "plain file → executable", "symbolic link",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for in, want := range map[string]string{
		"a\u202eb": "a⟨U+202E⟩b", "\x1b[2J": "␛[2J", "\x00": "␀", "\x7f": "␡", "\u0085": "⟨U+0085⟩", "\xff": "⟨0xFF⟩", "\u2028": "⟨U+2028⟩",
		"\u3164": "⟨U+3164⟩", "\u115f\u034f\u2800": "⟨U+115F⟩⟨U+034F⟩⟨U+2800⟩", "\U000e0080\u2065\ufff0": "⟨U+E0080⟩⟨U+2065⟩⟨U+FFF0⟩", "\U000e0041": "⟨U+E0041⟩", "\ue000": "⟨U+E000⟩", "\u0378": "⟨U+0378⟩", "\u200b": "⟨U+200B⟩", "a\ufe0f": "a⟨U+FE0F⟩", "⚠\ufe0f": "⚠\ufe0f",
		"é 漢 😀\t\n~": "é 漢 😀\t\n~", "\ufffd": "\ufffd",
	} {
		if got := string(reveal([]byte(in))); got != want {
			t.Errorf("reveal(%q) = %q, want %q", in, got, want)
		}
	}
}

// The names of files are Codex's: fifty tasks that are in each other's way must not
// make a page of ten megabytes.
func TestPairsAreBounded(t *testing.T) {
	r := sample(t)
	pair := task.Pair{Tasks: []string{"order-totals", "icons"}, Conflicts: slices.Repeat([]string{strings.Repeat("n", 400)}, 100)}
	r.Result.Combination = &task.Combination{Pairs: slices.Repeat([]task.Pair{pair}, 1225)}
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("do not merge in")); n != 200 || len(page) > 3<<20 || !bytes.Contains(page, []byte("and 1,025 more")) {
		t.Errorf("%d pairs on a page of %s", n, size(len(page)))
	}
}

func TestSecretsOfTheEnvironmentStayOut(t *testing.T) {
	r := sample(t)
	r.Plan.Tasks[0].Env = map[string]string{"NAME_OF_IT": "value-of-it"}
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("NAME_OF_IT")) || bytes.Contains(page, []byte("value-of-it")) {
		t.Error("the page must show names of the environment, and no values")
	}
}

// Without colours: FuzzDiffText is about those, and their clock would make the
// fuzzer see something new in every run.
func FuzzHTML(f *testing.F) {
	for _, s := range attacks {
		f.Add(s[:min(len(s), 500)], "", int64(5))
	}
	for name := range maps.Keys(own) {
		f.Add(name, "diff --git a/x.txt b/x.txt\n--- a/x.txt\n+++ b/x.txt\n@@ -1 +1 @@\n-'''\n+\"\"\"<script>\n", int64(-1))
	}
	f.Add("a", "diff --git a/b b/b\nGIT binary patch\nliteral 5\nMcmZQz\n", int64(1)<<62)
	f.Fuzz(func(t *testing.T, s, patch string, n int64) {
		r := hostile(s, "txt")
		r.Result.TotalDurationMS, r.Result.Results[0].DurationMS, r.Result.Results[0].Usage.InputTokens = n, n, n
		r.Result.Results[0].ExitCode, r.Plan.Tasks[0].Limits.MemoryBytes, r.Plan.Tasks[0].Timeout = int(n), n, time.Duration(n)
		r.Events[0].Time = time.Unix(n%(1<<40), 0)
		if patch != "" {
			r.Result.Results[0].Patch = patch
		}
		page, err := HTML(r)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := problems(page); len(wrong) > 0 {
			t.Errorf("%.800q", wrong)
		}
	})
}
