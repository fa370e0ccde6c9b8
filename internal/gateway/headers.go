package gateway

import (
	"net/http"
	"regexp"
	"strings"
)

// requestHeaders are what Codex 0.169 sends and the provider may want. All
// others stay behind, whatever they are: Authorization, cookies, accounts,
// organisations, forwarding, hop-by-hop.
var requestHeaders = []string{
	"User-Agent", "Originator", "Version", "Session-Id", "Thread-Id", "X-Client-Request-Id",
	"X-Codex-Beta-Features", "X-Codex-Turn-Metadata", "X-Codex-Window-Id", "X-Codex-Turn-State",
	"X-Codex-Installation-Id", "X-Openai-Internal-Codex-Responses-Lite",
}

// responseHeaders are what Codex may want of an answer, beside X-Ratelimit-*.
// X-Codex-Turn-State comes back with the next call of a turn.
var responseHeaders = []string{
	"Content-Type", "Retry-After", "Retry-After-Ms", "X-Request-Id", "Openai-Model",
	"X-Reasoning-Included", "X-Codex-Turn-State",
}

const maxHeaderValue = 8 << 10

// codexVersion is how Codex introduces itself.
var codexVersion = regexp.MustCompile(`^codex_[a-z_]{1,32}/([0-9]{1,5}(?:\.[0-9]{1,5}){1,3})[ ;]`)

// upstreamHeader is the header of a model call: what passes of the sandbox's,
// and the login.
func upstreamHeader(from http.Header, grant *Grant) http.Header {
	h := make(http.Header)
	for _, name := range requestHeaders {
		if v := from.Get(name); v != "" && len(v) <= maxHeaderValue {
			h.Set(name, v)
		}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "text/event-stream")
	h.Set("Accept-Encoding", "identity") // we read what passes
	h.Set("Authorization", "Bearer "+grant.Secret)
	if grant.AccountID != "" {
		h.Set("Chatgpt-Account-Id", grant.AccountID)
	}
	// Codex names its version to ChatGPT, but not to a custom provider, which
	// is what it takes us for.
	if m := codexVersion.FindStringSubmatch(h.Get("User-Agent")); grant.ChatGPT && m != nil && h.Get("Version") == "" {
		h.Set("Version", m[1])
	}
	return h
}

// copyAnswerHeader puts what a sandbox may see of from into to.
func copyAnswerHeader(to, from http.Header, secrets *scrubber) {
	pass := func(name string) {
		if v := from.Get(name); v != "" && len(v) <= maxHeaderValue && !secrets.hides(v) {
			to.Set(name, v)
		}
	}
	for _, name := range responseHeaders {
		pass(name)
	}
	for name := range from {
		if strings.HasPrefix(name, "X-Ratelimit-") {
			pass(name)
		}
	}
}
