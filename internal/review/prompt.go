package review

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"text/template"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

var templates = template.Must(template.New("review.md").Parse(policies.ReviewPrompt()))

// Prompt is what Codex is asked about a plan. repoContext is what the author of
// the plan says about the repository; it may be empty. The prompt is whole: it
// has the rules of the place too.
//
// Plan and context are the caller's text and may hold words of others. They stand
// in a fence that they cannot close, so they cannot pose as the rest of the
// prompt. That is all a fence does: a model may still be talked into something by
// what it reads there, as by any file of the repository. What holds then is the
// sandbox, which is read-only, and Parse, which takes an answer for sentences and
// nothing else.
func Prompt(plan, repoContext string) string {
	plan, repoContext = clean(plan), clean(repoContext)
	return fill("review", struct{ Fence, Plan, Context string }{
		fence(plan, repoContext), plan, repoContext,
	})
}

// Retry is the prompt to make after prompt got an answer that Parse refused with
// err. It is whole, for a session that remembers nothing.
func Retry(prompt, answer string, err error) string {
	const most = 16 << 10
	if len(answer) > most {
		answer = answer[:most]
	}
	answer = clean(answer)
	problems := []string{"it does not fit"}
	if misfit := (*Misfit)(nil); errors.As(err, &misfit) {
		problems = misfit.Problems
	}
	var report Report
	var keys []string
	for _, l := range report.Lists() {
		keys = append(keys, l.Name)
	}
	return fill("retry", struct {
		Prompt, Fence, Answer, Keys string
		Problems                    []string
	}{prompt, fence(prompt, answer), answer, listed(keys), problems})
}

func fill(name string, data any) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return "" // the golden files show that the templates fit
	}
	return b.String()
}

// clean is text that a model can be given: UTF-8 without NUL, no empty ends.
func clean(text string) string {
	return strings.Trim(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD"), "\r\n")
}

// fence is a mark that occurs in none of the texts. It follows from them, so the
// same review has the same prompt, and who writes a text cannot foresee it: the
// mark of a text changes with the text.
func fence(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	for {
		mark := "=====" + hex.EncodeToString(sum[:8])
		if !strings.Contains(strings.Join(texts, "\n"), mark) {
			return mark
		}
		sum = sha256.Sum256(sum[:])
	}
}
