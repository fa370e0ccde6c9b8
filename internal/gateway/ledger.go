package gateway

import (
	"fmt"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Exhausted says that a task has used up a budget.
type Exhausted struct {
	// What is "tokens" or "model requests".
	What string
	// Used may exceed Budget: a call that has begun is let finish.
	Used, Budget int64
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("the task's budget of %d %s is used up (%d used)", e.Budget, e.What, e.Used)
}

// ledger counts what a task uses. Its zero value has no budgets.
type ledger struct {
	tokenBudget, requestBudget int64

	mu         sync.Mutex
	usage      task.Usage
	estimated  int64 // tokens of answers that were cut off before they said
	held       int64 // bytes of bodies on their way to upstream
	lastStatus int
	lastError  string
}

// admit counts a model call, or says which budget does not allow it. Calls
// under way have not said yet what they use, so eight at once can overdraw.
func (l *ledger) admit() *Exhausted {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.exhausted(); err != nil {
		return err
	}
	l.usage.ModelRequests++
	return nil
}

// left says which budget is used up; nil if none is.
func (l *ledger) left() *Exhausted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exhausted()
}

func (l *ledger) exhausted() *Exhausted {
	if l.requestBudget > 0 && l.usage.ModelRequests >= l.requestBudget {
		return &Exhausted{What: "model requests", Used: l.usage.ModelRequests, Budget: l.requestBudget}
	}
	// Cached tokens are among the input tokens, reasoning among the output.
	if used := l.usage.Tokens() + l.estimated; l.tokenBudget > 0 && used >= l.tokenBudget {
		return &Exhausted{What: "tokens", Used: used, Budget: l.tokenBudget}
	}
	return nil
}

// hold reserves room for a body; false if there is too much on its way.
func (l *ledger) hold(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held+n > maxHeldBodies {
		return false
	}
	l.held += n
	return true
}

func (l *ledger) letGo(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held -= n
}

func (l *ledger) answered(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastStatus, l.lastError = status, ""
}

func (l *ledger) unanswered(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastError = why
}

// spend books what an answer said that it used.
func (l *ledger) spend(u task.Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u.ModelRequests = 0 // a call is counted when it is made
	l.usage = l.usage.Plus(u)
}

// estimate books an answer that did not say, by its size: else a sandbox could
// hang up before the last line and never run out. It is for the budget alone;
// the report has only what the provider said.
func (l *ledger) estimate(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.estimated += bytes / 4 // the usual rule of thumb for English and code
}

func (l *ledger) report() task.GatewayReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	return task.GatewayReport{Requests: l.usage.ModelRequests, Usage: l.usage, LastStatus: l.lastStatus, LastError: l.lastError}
}
