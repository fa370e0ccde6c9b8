// Package report renders what a run left as one HTML page that needs nothing
// else: no script, no network, no font, no file beside it.
//
// Nearly everything on the page was written by a hostile sandbox. Foreign text
// gets in through html/template or through code.go, which escapes it; what the
// eye cannot see is spelled out (reveal.go); and the only links are to places on
// the page and to files of the journal that begin with bytes of ours.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Run is all that a report is made of.
type Run struct {
	Result task.RunResult
	// Plan gives prompts, limits and rules. A task of the Plan without a Result
	// is shown as one that has not ended.
	Plan task.Plan
	// CreatedAt is shown in its own location.
	CreatedAt time.Time
	// Events give the timeline; without them it shows durations alone.
	Events []task.Event
}

//go:embed page.html.tmpl
var pageSource string

//go:embed style.css
var style string

// The page allows its own style sheet, named by its digest, and nothing else:
// what would slip through the escaping could neither run nor load anything.
var policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
	base64.StdEncoding.EncodeToString(digest(style)))

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count":    count,
	"number":   number[int],
	"bytes":    size[int],
	"duration": duration,
	"clip":     clip,
	"more":     more,
}).Parse(pageSource))

// HTML renders the run. The page is valid UTF-8, and all that it takes in of a
// foreign text is bounded: what is cut is said, with where the whole is.
//
// It is meant to lie in the run's journal directory as report.html: its links
// are relative to there.
func HTML(r Run) ([]byte, error) {
	return write(r, &painter{file: fileColourTime, left: reportColourTime})
}

func write(r Run, p *painter) ([]byte, error) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, newView(r, p)); err != nil {
		return nil, fmt.Errorf("render the report of %s: %w", r.Result.RunID, err)
	}
	return reveal(b.Bytes()), nil
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}
