package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What Codex 0.169 itself sends to renew a ChatGPT login, and when
// (reference/codex-cli.md section 3).
const (
	refreshURL      = "https://auth.openai.com/oauth/token"
	refreshURLEnv   = "CODEX_REFRESH_TOKEN_URL_OVERRIDE"
	refreshClientID = "app_EMoamEEZ73f0CkXaXp7hrann"
	refreshEarly    = 5 * time.Minute
	refreshTimeout  = 15 * time.Second
	// refreshPause keeps a token endpoint that is down from being asked by
	// every request while the old token still works.
	refreshPause = 30 * time.Second
)

// HostLogin is the login of the user who runs us: CODEX_API_KEY, else what
// "codex login" left in auth.json. It is read anew for every request, so that
// a new login works at once. It is the only one that renews tokens: they can be
// used once, and sandboxes that did it themselves would log each other out.
type HostLogin struct {
	getenv    func(string) string
	path      string
	transport http.RoundTripper
	now       func() time.Time

	// renewing is held by the one goroutine that renews.
	renewing slots

	mu       sync.Mutex
	pausedTo time.Time
}

var _ Credentials = (*HostLogin)(nil)

// HostCredentials reads the environment through getenv and auth.json from
// $CODEX_HOME, else from .codex in home. transport carries token renewals; nil
// is one like the gateway's own. now may be nil.
func HostCredentials(getenv func(string) string, home string, transport http.RoundTripper, now func() time.Time) *HostLogin {
	dir := getenv("CODEX_HOME")
	if dir == "" {
		dir = filepath.Join(home, ".codex")
	}
	if now == nil {
		now = time.Now
	}
	return &HostLogin{
		getenv: getenv, path: filepath.Join(dir, "auth.json"), transport: transport, now: now,
		renewing: make(slots, 1),
	}
}

// Check says whether there is a login; if not, the error is a *task.Refusal.
// It does not ask the provider.
func (h *HostLogin) Check(context.Context) error {
	_, _, err := h.read()
	return err
}

// Grant implements Credentials.
func (h *HostLogin) Grant(ctx context.Context, refused *Grant) (*Grant, error) {
	grant, file, err := h.read()
	if err != nil || !h.stale(grant, file, refused) {
		return grant, err
	}
	if refused == nil && h.paused() {
		return grant, nil
	}
	if !h.renewing.wait(ctx) {
		return nil, context.Cause(ctx)
	}
	defer h.renewing.release()
	// Once the provider has answered, the old refresh token is dead: a request
	// that goes away meanwhile must not lose the new one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
	defer cancel()
	return h.renew(ctx, refused)
}

// read returns the grant as it stands; file is nil if it is from the environment.
func (h *HostLogin) read() (*Grant, *authFile, error) {
	if key := h.getenv("CODEX_API_KEY"); key != "" {
		key, err := headerSafe(key, "CODEX_API_KEY")
		if err != nil || key != "" {
			return &Grant{Secret: key}, nil, err
		}
	}
	file, err := readAuthFile(h.path)
	if err != nil {
		return nil, nil, err
	}
	return file.grant(), file, nil
}

// stale says whether a grant wants renewing: it is the one that was refused, or
// it is about to expire. API keys never are.
func (h *HostLogin) stale(grant *Grant, file *authFile, refused *Grant) bool {
	if !grant.ChatGPT || file.refresh == "" {
		return false
	}
	if refused != nil && refused.Secret == grant.Secret {
		return true
	}
	expiry := file.expiry()
	return !expiry.IsZero() && h.now().Add(refreshEarly).After(expiry)
}

func (h *HostLogin) paused() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now().Before(h.pausedTo)
}

func (h *HostLogin) pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pausedTo = h.now().Add(refreshPause)
}

// renew is called by one goroutine of one process at a time.
func (h *HostLogin) renew(ctx context.Context, refused *Grant) (*Grant, error) {
	lock := flock.New(h.path + ".codex-mcp-runner.lock")
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Errorf("lock %s: %w", h.path, err)
	}
	defer func() { _ = lock.Unlock() }() // the descriptor is closed in any case

	grant, file, err := h.read()
	if err != nil || !h.stale(grant, file, refused) {
		return grant, err // somebody else was faster
	}
	if refused == nil && h.paused() {
		return grant, nil
	}
	tokens, err := h.exchange(ctx, file, refused != nil)
	if err != nil {
		// Codex itself knows nothing of our lock and may have renewed meanwhile.
		if again, file, readErr := h.read(); readErr == nil && !h.stale(again, file, refused) {
			return again, nil
		}
		if refused == nil && h.now().Before(file.expiry()) {
			h.pause()
			return grant, nil // still good for some minutes
		}
		return nil, err
	}
	data, err := file.renewed(tokens, h.now())
	if err != nil {
		return nil, err
	}
	if err := writeAtomically(h.path, data); err != nil {
		return nil, fmt.Errorf("keep renewed login: %w", err)
	}
	grant, _, err = h.read()
	return grant, err
}

// exchange asks the provider for new tokens: access_token, id_token and
// refresh_token, each empty if it stays as it is.
func (h *HostLogin) exchange(ctx context.Context, file *authFile, unauthorized bool) (map[string]string, error) {
	address := refreshURL
	if o := h.getenv(refreshURLEnv); o != "" {
		address = o
	}
	u, err := parseEndpoint(refreshURLEnv, address) //nolint:contextcheck // it looks up a loopback name, with a time limit of its own
	if err != nil {
		return nil, err
	}
	req, err := tokenRequest(ctx, u, file.refresh, unauthorized)
	if err != nil {
		return nil, err
	}
	transport := h.transport
	if transport == nil {
		own := newTransport(u)
		defer own.CloseIdleConnections()
		transport = own
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("renew ChatGPT login: %s", plainWords(err, u))
	}
	defer func() { _ = resp.Body.Close() }() // read to the end below, or useless
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAuthFile))
	if err != nil {
		return nil, fmt.Errorf("renew ChatGPT login: %s", plainWords(err, u))
	}
	switch {
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return nil, &task.Refusal{What: "The ChatGPT login has expired or was used elsewhere.", Mend: `Run "codex login" again, or set CODEX_API_KEY.`}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("renew ChatGPT login: %s answered %d", u.Host, resp.StatusCode)
	}
	return readTokens(answer, u)
}

func tokenRequest(ctx context.Context, u *url.URL, refresh string, unauthorized bool) (*http.Request, error) {
	reason := "proactive_expiry"
	if unauthorized {
		reason = "unauthorized_recovery"
	}
	body, err := json.Marshal(map[string]string{
		"client_id": refreshClientID, "grant_type": "refresh_token",
		"refresh_reason": reason, "refresh_token": refresh,
	})
	if err != nil {
		return nil, fmt.Errorf("encode token request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make token request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// readTokens takes the new tokens from the provider's answer.
func readTokens(answer []byte, from *url.URL) (map[string]string, error) {
	var tokens struct {
		ID      string `json:"id_token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(answer, &tokens); err != nil {
		return nil, fmt.Errorf("renew ChatGPT login: %s answered something that is not a token", from.Host)
	}
	if tokens.Access == "" {
		return nil, errors.New("renew ChatGPT login: the answer holds no access token")
	}
	access, err := headerSafe(tokens.Access, "the token endpoint's answer")
	if err != nil {
		return nil, err
	}
	return map[string]string{"id_token": tokens.ID, "access_token": access, "refresh_token": tokens.Refresh}, nil
}
