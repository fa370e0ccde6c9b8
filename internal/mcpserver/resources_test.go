package mcpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/golden"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// content is one content of a resource.
type content struct {
	URI, MIMEType, Text string
	Meta                map[string]any `json:"_meta"`
}

func readURI(id, meta, uri string) string {
	quoted, err := json.Marshal(uri)
	if err != nil {
		panic(err)
	}
	return request(id, "resources/read", `{"uri":`+string(quoted)+`,"_meta":{`+meta+`}}`)
}

func (w *wire) read(uri string) []content {
	w.t.Helper()
	w.send(readURI("1", modernMeta+"{}", uri))
	m, _ := w.answer("1")
	var r struct {
		ResultType, CacheScope string
		TTLMs                  *int
		Contents               []content
	}
	if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil || r.ResultType != "complete" || r.CacheScope != "private" || r.TTLMs == nil {
		w.t.Fatalf("%s: %s", uri, m)
	}
	return r.Contents
}

// kept serves every section as the text that it has; runs are done.
func kept(sections map[string]string) *engine {
	e := newEngine(nil)
	e.list = func(string) ([]task.RunSummary, error) { return summaries(25, "a", "b"), nil }
	e.page = func(repo string, req task.PageRequest) (task.Page, error) {
		text, ok := sections[strings.Trim(req.TaskID+"/"+string(req.Section), "/")]
		if req.RunID != "r" || !ok {
			return task.Page{}, &task.Refusal{What: "The run " + req.RunID + " has no such thing.", Mend: "Ask for another."}
		}
		to := min(int(req.Cursor)+req.Limit, len(text))
		for to > 0 && to < len(text) && !utf8.RuneStart(text[to]) {
			to--
		}
		return task.Page{
			RunID: req.RunID, TaskID: req.TaskID, Section: req.Section, Text: text[min(int(req.Cursor), to):to],
			Next: max(int64(to), req.Cursor), Total: int64(len(text)), More: to < len(text),
		}, nil
	}
	return e
}

func TestSectionsAsResources(t *testing.T) {
	w := connectTo(t, kept(map[string]string{
		"a/patch": "diff\n", "a/transcript": "{}\n", "a/stdout": "{}\n", "a/stderr": "oh\n", "events": `{"n":1}`,
	}), mcpserver.Options{}, nil)
	for uri, want := range map[string]content{
		"codex://runs/r/a/patch":      {MIMEType: "text/x-diff", Text: "diff\n"},
		"codex://runs/r/a/transcript": {MIMEType: "application/jsonl", Text: "{}\n"},
		"codex://runs/r/a/stdout":     {MIMEType: "application/jsonl", Text: "{}\n"},
		"codex://runs/r/a/stderr":     {MIMEType: "text/plain", Text: "oh\n"},
		"codex://runs/r/events":       {MIMEType: "application/jsonl", Text: `{"n":1}`},
		"codex://runs/%72/%61/patch":  {MIMEType: "text/x-diff", Text: "diff\n"},
	} {
		want.URI, want.Meta = uri, map[string]any{"more": false, "next_offset": float64(len(want.Text)), "total": float64(len(want.Text))}
		if diff := cmp.Diff([]content{want}, w.read(uri)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", uri, diff)
		}
	}
	if got := w.read("codex://runs/r/a/patch?offset=3")[0].Text; got != "f\n" {
		t.Errorf("from the third byte: %q", got)
	}
}

// Following the offsets gives the whole, however the text grows as JSON, and each
// answer fits.
func TestResourcesInPiecesAreTheWhole(t *testing.T) {
	next := regexp.MustCompile(`^There is more: this was up to (\d+) of (\d+)\. Read (codex://\S+) next\.$`)
	for name, unit := range map[string]string{
		"plain": "word ", "control": "\x01", "line breaks": "\n", "quotes": "\"\\", "wide": "語", "astral": "😀", "just under": strings.Repeat("\n", 99) + "a", "mixed": "a\x02\n\u2028😀",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(unit, 45_000/len(unit)) // more than one piece
			w := connectTo(t, kept(map[string]string{"a/transcript": text}), mcpserver.Options{}, nil)
			var read strings.Builder
			for uri, pieces := "codex://runs/r/a/transcript", 0; uri != ""; pieces++ {
				got := w.read(uri)
				read.WriteString(got[0].Text)
				if n := mcpserver.Width(jsonOf(t, got)); n >= mcpserver.MaxResult || pieces > 500 {
					t.Fatalf("piece %d has %d characters", pieces, n)
				}
				uri = ""
				if got[0].Meta["more"] == true {
					m := next.FindStringSubmatch(got[1].Text)
					if len(got) != 2 || m == nil || m[3] != got[1].URI || m[2] != fmt.Sprint(len(text)) || m[1] != fmt.Sprint(read.Len()) {
						t.Fatalf("no way on: %+v", got[1:])
					}
					uri = m[3]
				}
			}
			if got := read.String(); got != text {
				t.Errorf("%d bytes of %d were read, or others", len(got), len(text))
			}
		})
	}
}

// The report is the text of the result, uncut, in both doors to it.
func TestTheReportOfARun(t *testing.T) {
	long := strings.Repeat("語 and more\n", 10_000)
	e := kept(nil)
	id, err := e.start(t.Context(), "r", func(context.Context, func(task.Progress)) (task.RunResult, error) {
		return task.RunResult{RunID: "r", Results: []task.Result{
			{TaskID: "a", Status: task.Success, Patch: long}, {TaskID: "b", Status: task.Success, Summary: "all good"},
		}}, nil
	})
	if err != nil || e.ended(id) != nil {
		t.Fatal(err)
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	var read strings.Builder
	for offset := 0; ; {
		got := w.read(fmt.Sprintf("codex://runs/r/report?offset=%d", offset))
		read.WriteString(got[0].Text)
		offset = int(got[0].Meta["next_offset"].(float64))
		if got[0].MIMEType != "text/markdown" {
			t.Error(got[0].MIMEType)
		}
		if len(got) == 1 {
			break
		}
	}
	whole := read.String()
	if n := strings.Count(whole, "語 and more"); n != 10_000 || !strings.HasPrefix(whole, "Run r: done, 2 tasks") || !strings.Contains(whole, "\n## b: success") {
		t.Errorf("%d lines of 10000 in %d bytes", n, len(whole))
	}
	if got := w.read("codex://runs/r/b/report"); len(got) != 1 || strings.Contains(got[0].Text, "## a") || !strings.Contains(got[0].Text, "all good") {
		t.Errorf("b's: %+v", got)
	}
	got, _ := ask[mcpserver.GetResult](t, w, "2", "get_codex_run", `{"run_id":"r","task_id":"b","section":"report"}`)
	if got.Page == nil || !strings.Contains(got.Page.Text, "all good") || got.Page.More {
		t.Errorf("as a page: %+v", got)
	}
}

func TestWhatIsNoResource(t *testing.T) {
	e := kept(map[string]string{"a/patch": "diff\n"})
	w := connectTo(t, e, mcpserver.Options{}, nil)
	for _, uri := range []string{
		"codex://runs/nope/a/patch", "codex://runs/r/nope/patch", "codex://runs/r/a/guard", "codex://runs/r/a/events", "codex://runs/r/patch",
		"codex://runs/r/report", // of a run that is not live any more
		"", "codex://runs/", "codex://runs/r", "codex://runs/r/a/b/patch", "codex://runs//a/patch", "codex://runs/r//patch",
		"codex://runs/../a/patch", "codex://runs/%2e%2e/a/patch", "codex://runs/%2e/%2e/patch", "codex://runs/r/..%2f..%2fetc/patch",
		"codex://runs/r/%2fetc%2fpasswd/patch", "codex://runs/r/a%00/patch", "codex://runs/r/%61%/patch", "codex://runs/r/%252e/patch",
		"codex://runs/r/a\\b/patch", "codex://runs/r/a/patch/", "codex://runs/r/a/patch#x", "codex://runs/r/a/patch?", "codex://runs/r/a/patch?offset=",
		"codex://runs/r/a/patch?offset=-1", "codex://runs/r/a/patch?offset=+1", "codex://runs/r/a/patch?offset=1e3", "codex://runs/r/a/patch?offset=9007199254740992",
		"codex://runs/r/a/patch?offset=99999999999999999999", "codex://runs/r/a/patch?offset=1&offset=2", "codex://runs/r/a/patch?limit=1", "codex://runs/r/a/patch?offset=%31",
		"codex://user@runs/r/a/patch", "codex://runs:1/r/a/patch", "CODEX://runs/r/a/patch", "file:///etc/passwd", "codex://other/r/a/patch",
		"codex://runs/" + strings.Repeat("r", 65) + "/a/patch", "codex://runs/r/a/Patch", "codex://runs/ü/a/patch",
	} {
		for meta, code := range map[string]int{modernMeta + "{}": -32602, "": -32002} {
			w.send(readURI("1", meta, uri))
			m, _ := w.answer("1")
			if m.Error == nil || m.Error.Code != code {
				t.Errorf("%q: want %d, got %s", uri, code, m)
			}
		}
	}
	e.page = func(string, task.PageRequest) (task.Page, error) { return task.Page{}, errUnexpected }
	w.send(readURI("1", modernMeta+"{}", "codex://runs/r/a/patch"))
	if m, _ := w.answer("1"); m.Error == nil || m.Error.Code != -32603 {
		t.Errorf("a fault of ours: %s", m)
	}
}

// A client of the 2026-07-28 era is asked for its roots, as by a tool, and what it
// said holds for its lists, too.
func TestResourcesAreLookedForInTheClientsRoot(t *testing.T) {
	e := kept(nil)
	var asked []string
	e.page = func(repo string, req task.PageRequest) (task.Page, error) {
		asked = append(asked, "page in "+repo)
		return task.Page{Text: "x"}, nil
	}
	e.list = func(repo string) ([]task.RunSummary, error) {
		asked = append(asked, "list of "+repo)
		return nil, nil
	}
	w := connectTo(t, e, mcpserver.Options{}, nil)
	const meta = modernMeta + `{"roots":{}}`
	list := request("0", "resources/list", `{"_meta":{`+meta+`}}`)
	w.send(list)
	w.answer("0")
	w.send(readURI("1", meta, "codex://runs/r/a/patch"))
	m, _ := w.answer("1")
	if r := m.call(t); r.ResultType != "input_required" || len(r.InputRequests) != 1 || r.RequestState == "" {
		t.Fatal(m)
	}
	w.send(request("2", "resources/read", `{"uri":"codex://runs/r/a/patch","_meta":{`+meta+`},"requestState":"roots","inputResponses":{"roots":{"roots":[{"uri":"file:///root"}]}}}`))
	w.answer("2")
	w.send(list)
	w.answer("0")
	if diff := cmp.Diff([]string{"list of /cwd", "page in /root", "list of /root"}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListsOfWhatThereIs(t *testing.T) {
	w := connectTo(t, kept(nil), mcpserver.Options{}, nil)
	for _, method := range []string{"resources/list", "resources/templates/list", "prompts/list"} {
		w.send(request("1", method, `{"_meta":{`+modernMeta+`{}}}`))
		m, _ := w.answer("1")
		var b bytes.Buffer
		if err := json.Indent(&b, m.Result, "", "  "); err != nil {
			t.Fatalf("%s: %s", method, m)
		}
		b.WriteByte('\n')
		golden.Check(t, strings.ReplaceAll(method, "/", "_")+".json", b.Bytes())
	}
}

func TestNoRunsAreAnEmptyList(t *testing.T) {
	e := newEngine(nil)
	e.list = func(string) ([]task.RunSummary, error) { return nil, &task.Refusal{What: "This is no repository."} }
	w := connectTo(t, e, mcpserver.Options{}, nil)
	for _, meta := range []string{"", modernMeta + "{}"} {
		w.send(request("1", "resources/list", `{"_meta":{`+meta+`}}`))
		if m, _ := w.answer("1"); !strings.Contains(m.raw, `"resources":[]`) {
			t.Errorf("got %s", m)
		}
	}
}

// What is read as one of ours names a run and a task that can be no path, and is
// one thing only: its canonical spelling means the same, and has nothing to decode.
func FuzzResourceURI(f *testing.F) {
	for _, uri := range []string{
		"codex://runs/r/a/patch", "codex://runs/r/report", "codex://runs/r/events?offset=7", "codex://runs/%72/%2e%2e/patch", "codex://runs/r/..%2f/patch",
		"codex://runs/r/a/patch?offset=9007199254740991", "codex://runs/r/a%00/patch", "codex://runs/...a/-/stderr", "codex://runs/r/a/patch?offset=007",
	} {
		f.Add(uri)
	}
	id := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	f.Fuzz(func(t *testing.T, uri string) {
		run, taskID, offset, canonical, err := mcpserver.ParseResource(uri)
		if err != nil {
			if !utf8.ValidString(err.Error()) && utf8.ValidString(uri) || len(err.Error()) > 2000 {
				t.Errorf("%q: %q", uri, err)
			}
			return
		}
		for _, name := range []string{run, taskID} {
			if name != taskID && name == "" || name != "" && (!id.MatchString(name) || strings.Trim(name, ".") == "") {
				t.Errorf("%q gives the id %q", uri, name)
			}
		}
		if offset < 0 || strings.ContainsAny(canonical, "%#@\\ ") {
			t.Errorf("%q gives %q", uri, canonical)
		}
		run2, task2, offset2, canonical2, err := mcpserver.ParseResource(canonical)
		if err != nil || run2 != run || task2 != taskID || offset2 != offset || canonical2 != canonical {
			t.Errorf("%q means something else than %q: %v", canonical, uri, err)
		}
		if u, err := url.Parse(canonical); err != nil || u.Scheme != "codex" || u.Host != "runs" {
			t.Errorf("%q is no URI of ours for others: %v", canonical, err)
		}
	})
}
