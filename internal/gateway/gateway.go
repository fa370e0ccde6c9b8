package gateway

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
)

// Options are what all sessions of a Gateway share.
type Options struct {
	// Upstream is the model API, including its /v1, as ParseUpstream returns
	// it. Nil: OpenAI's, or ChatGPT's backend when the login is a ChatGPT one.
	Upstream *url.URL
	// Credentials are asked before every model call.
	Credentials Credentials
	// Transport carries model calls. Nil: one with our time limits that uses
	// the proxies of the host's environment. Redirects are never followed.
	Transport http.RoundTripper
	// Log gets one debug line per request. Nil: nothing is logged.
	Log *slog.Logger
}

// Gateway serves the model API to sandboxes. It has no state but connections
// to upstream; what a task may do and has used is its Session's.
type Gateway struct {
	upstream    *url.URL
	credentials Credentials
	transport   http.RoundTripper
	log         *slog.Logger
}

// New returns a Gateway. An Upstream that must not be used, such as plain http
// to another host, is a *task.Refusal.
func New(o Options) (*Gateway, error) {
	if o.Credentials == nil {
		return nil, errors.New("make gateway: no credentials")
	}
	g := &Gateway{credentials: o.Credentials, transport: o.Transport, log: o.Log}
	if o.Upstream != nil {
		u, err := parseEndpoint("OPENAI_BASE_URL", o.Upstream.String())
		if err != nil {
			return nil, err
		}
		g.upstream = u
	}
	if g.transport == nil {
		g.transport = newTransport(g.upstream)
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	return g, nil
}

// base is where model calls with this grant go.
func (g *Gateway) base(grant *Grant) (*url.URL, error) {
	if g.upstream != nil {
		return g.upstream, nil
	}
	if grant.ChatGPT {
		return url.Parse(chatGPTBase)
	}
	return url.Parse(openAIBase)
}
